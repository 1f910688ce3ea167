import { type Access, resume, signIn } from "crewops-client/access";
import { CrewOpsClient } from "crewops-client/react";

export const SERVER: string = import.meta.env.VITE_WS_URL ?? "http://localhost:8000";
const STORED = "crewops-refresh-token";

/** A user who has signed in: calls of the API, and the one connection of the hooks. */
export interface Session {
  access: Access;
  client: CrewOpsClient;
}

const options = {
  url: SERVER,
  // For this tab only: each refresh token works once.
  onRefreshToken: (token: string) => sessionStorage.setItem(STORED, token),
};

function sessionOf(access: Access): Session {
  return { access, client: new CrewOpsClient({ url: SERVER, token: access.token }) };
}

export async function begin(username: string, password: string): Promise<Session> {
  return sessionOf(await signIn({ username, password }, options));
}

export async function end({ access, client }: Session): Promise<void> {
  sessionStorage.removeItem(STORED);
  client.close();
  await access.signOut();
}

/** Outside of React: StrictMode would use the refresh token twice. */
export const restored: Promise<Session | null> = (async () => {
  const token = sessionStorage.getItem(STORED);
  if (!token) return null;
  try {
    return sessionOf(await resume(token, options));
  } catch {
    return null; // It has expired: the login follows.
  }
})();
