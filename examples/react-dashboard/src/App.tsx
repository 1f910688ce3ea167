import { CrewOpsProvider } from "crewops-client/react";
import { use, useState } from "react";
import { Dashboard } from "./Dashboard";
import { begin, end, restored, type Session } from "./session";
import { SignIn } from "./SignIn";

export function App() {
  const [session, setSession] = useState<Session | null>(use(restored));
  if (!session) {
    return <SignIn onSignIn={async (name, word) => setSession(await begin(name, word))} />;
  }
  const leave = () => {
    setSession(null);
    end(session).catch(console.error);
  };
  return (
    <CrewOpsProvider client={session.client}>
      <Dashboard access={session.access} onLeave={leave} />
    </CrewOpsProvider>
  );
}
