/**
 * Reads event streams with the client of AG-UI, whose verifier decides what is valid.
 *
 * Takes JSON on standard input: `{bodies: [text]}`, responses to read, or `{url, token, answers}`, a
 * live server to ask. With `answers`, `[{status, payload?}]`, each interrupt is answered by the next
 * of them. With `messages` the agent has these, and `again` asks once more. Prints one result for each
 * response.
 */
import { readFileSync } from "node:fs";

import { HttpAgent } from "@ag-ui/client";

/** @type {{bodies?: string[], url?: string, token?: string, answers?: object[], messages?: any[], again?: boolean}} */
const given = JSON.parse(readFileSync(0, "utf8"));
/** @type {string[]} */
let warnings = [];
console.warn = (...said) => warnings.push(said.map(String).join(" "));
console.error = console.warn;

/** @param {HttpAgent} agent @param {any[]} [resume] */
async function read(agent, resume) {
  warnings = [];
  /** @type {any[]} */
  const events = [];
  /** @type {string | null} */
  let error = null;
  const subscriber = {
    /** @param {{event: any}} details */
    onEvent: ({ event }) => {
      events.push(event);
    },
    /** @param {{error: Error}} details */
    onRunFailed: (details) => {
      error = details.error.message;
    },
  };
  try {
    await agent.runAgent(resume ? { resume } : {}, subscriber);
  } catch (thrown) {
    error = String(thrown);
  }
  const { messages, state, pendingInterrupts: interrupts } = agent;
  return structuredClone({ events, error, warnings, messages, state, interrupts });
}

const results = [];
if (given.bodies) {
  for (const body of given.bodies) {
    const headers = { "Content-Type": "text/event-stream" };
    const fetch = async () => new Response(body, { headers });
    results.push(await read(new HttpAgent({ url: "http://crewops.example/", fetch })));
  }
} else {
  const headers = { Authorization: `Bearer ${given.token}` };
  const agent = new HttpAgent({ url: given.url ?? "", headers });
  agent.setMessages(given.messages ?? []);
  results.push(await read(agent));
  if (given.again) results.push(await read(agent));
  for (const answer of given.answers ?? [])
    results.push(
      await read(
        agent,
        agent.pendingInterrupts.map(({ id }) => ({ interruptId: id, ...answer })),
      ),
    );
}
process.stdout.write(JSON.stringify(results));
