import { StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./styles.css";

const root = document.getElementById("root") ?? document.body;
createRoot(root).render(
  <StrictMode>
    <Suspense fallback={<p className="notice">Loading…</p>}>
      <App />
    </Suspense>
  </StrictMode>,
);
