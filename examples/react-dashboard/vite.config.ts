import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  server: { port: 5173, strictPort: true }, // the origin that ALLOWED_ORIGINS names
  preview: { port: 5173, strictPort: true },
});
