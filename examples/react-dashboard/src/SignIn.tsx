import { useActionState } from "react";
import { SERVER } from "./session";

type Props = { onSignIn: (username: string, password: string) => Promise<void> };

export function SignIn({ onSignIn }: Props) {
  const [error, submit, isPending] = useActionState(async (_: string, form: FormData) => {
    try {
      await onSignIn(String(form.get("username")), String(form.get("password")));
      return "";
    } catch (refusal) {
      return (refusal as Error).message;
    }
  }, "");
  return (
    <main className="sign-in">
      <form action={submit} className="card">
        <h1>Crews</h1>
        <p className="quiet">Sign in to CrewOps at {new URL(SERVER).host}</p>
        <label>
          User name
          <input name="username" autoComplete="username" required />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        {error && <p role="alert">{error}</p>}
        <button type="submit" disabled={isPending}>
          {isPending ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
