import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { act, createElement, StrictMode } from "react";
import { renderToString } from "react-dom/server";

import { AccessError } from "../../static/realtime/access.js";
import {
  FakeWebSocket,
  fakeOptions,
  hello,
  settled,
  stopTime,
  WELCOME,
} from "../../tests/js/fake_websocket.js";
import { CrewOpsClient, CrewOpsProvider, useCrew, useMission, useRun } from "../index.js";
import { root } from "./render.js";

const TIME = "2026-01-01T00:00:00.000000Z";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/**
 * A page below a provider, in StrictMode, whose components call these hooks.
 * @param {...() => any} hooks
 */
function page(...hooks) {
  const { options } = fakeOptions();
  const client = new CrewOpsClient(options);
  const { render, unmount } = root((error) => assert.fail(String(error)));
  /** @type {any[]} */
  const seen = [];
  const components = hooks.map((hook, number) => () => {
    seen[number] = hook();
    return null;
  });
  const mount = () => {
    const elements = components.map((component) => createElement(component));
    const tree = createElement(CrewOpsProvider, { client }, ...elements);
    return render(createElement(StrictMode, null, tree));
  };
  return { client, seen, unmount, mount };
}

/** Lets timers run: of the connection, and of snapshots. @param {number} [ms] */
async function soon(ms = 300) {
  await act(async () => {
    mock.timers.tick(ms);
    await settled();
  });
}

/** @param {...object} frames */
async function receive(...frames) {
  FakeWebSocket.last.receive(...frames);
  await soon();
}

/** Streams that the client has asked for and not given back. */
function subscribed() {
  /** @type {string[]} */
  let names = [];
  for (const { type, streams } of FakeWebSocket.last.sent) {
    if (type === "subscribe") names.push(...streams.map((/** @type {any} */ { stream }) => stream));
    if (type === "unsubscribe") names = names.filter((name) => !streams.includes(name));
  }
  return names.sort();
}

/** @param {string} run @param {number} seq @param {string} type @param {object} fields */
function event(run, seq, type, fields) {
  return { type, stream: `run:${run}`, run_id: run, crew_id: "c", seq, timestamp: TIME, ...fields };
}

/** @param {string} run */
const boot = (run) =>
  event(run, 1, "boot", {
    crew: "Crew",
    agents: [{ agent_id: "orion", name: "Orion", role: "" }],
    tasks: [
      { task_id: "t1", name: "First", agent_id: "orion" },
      { task_id: "t2", name: "Second", agent_id: "orion" },
    ],
  });
/** @param {string} run */
const started = (run) =>
  event(run, 2, "task_start", { task_id: "t1", agent_id: "orion", name: "First" });
/** @param {string} run @param {number} seq */
const done = (run, seq) => event(run, seq, "done", { status: "succeeded", duration_s: 3 });

test("a run moves as its events come", async () => {
  const { mount, seen } = page(() => useRun("r1"));
  await mount();
  assert.equal(seen[0].status, null);
  await soon();
  await receive(WELCOME, hello("run:r1", 2));
  assert.equal(seen[0].connection, "catching_up");
  await receive(boot("r1"), started("r1"));
  const [first, second] = seen[0].tasks;
  assert.equal(seen[0].connection, "live");
  assert.deepEqual(
    [seen[0].status, first.status, second.status],
    ["running", "running", "pending"],
  );
  const fields = { task_id: "t1", agent_id: "orion", status: "succeeded", duration_s: 2 };
  await receive(event("r1", 3, "task_end", fields));
  assert.equal(seen[0].tasks[0].duration_s, 2);
  assert.equal(seen[0].tasks[1], second, "what has not changed is the same object");
  assert.equal(first.status, "running", "a snapshot does not change");
  await receive(done("r1", 4), { type: "close", stream: "run:r1", code: 1000, reason: "" });
  assert.deepEqual([seen[0].status, seen[0].connection], ["succeeded", "closed"]);
  assert.deepEqual(
    seen[0].events.map((/** @type {any} */ { type }) => type),
    ["boot", "task_start", "task_end", "done"],
  );
});

test("StrictMode, and any number of components, open one connection and each stream once", async () => {
  const { mount, seen } = page(
    () => useRun("r1"),
    () => useRun("r1"),
    () => useMission(),
  );
  await mount();
  await soon();
  await receive(WELCOME, hello("run:r1", 1), boot("r1"));
  assert.equal(FakeWebSocket.all.length, 1);
  assert.deepEqual(FakeWebSocket.last.sent, [
    { type: "subscribe", streams: [{ stream: "run:r1" }, { stream: "mission" }] },
  ]);
  assert.equal(seen[0], seen[1]);
  assert.equal(seen[0].crew, "Crew");
});

test("an unmounted page leaves nothing: no stream, no connection, no data", async () => {
  const { mount, unmount, client } = page(
    () => useRun("r1"),
    () => useCrew("c"),
  );
  await mount();
  await soon();
  await receive(WELCOME, hello("run:r1", 1), boot("r1"));
  assert.deepEqual(subscribed(), ["graph:c", "run:r1"]);
  await unmount();
  await soon(5_000);
  await soon();
  assert.deepEqual(subscribed(), []);
  assert.equal(client.snapshot("run", "r1").status, null);
  const wire = FakeWebSocket.last;
  wire.receive(
    { type: "unsubscribed", stream: "run:r1" },
    { type: "unsubscribed", stream: "graph:c" },
  );
  await soon(6_000);
  assert.equal(wire.closedWith, 1000);
  await soon(600_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("who comes back within five seconds sees at once what there is", async () => {
  const { mount, unmount, seen } = page(() => useRun("r1"));
  await mount();
  await soon();
  await receive(WELCOME, hello("run:r1", 1), boot("r1"));
  await unmount();
  await soon(4_000);
  seen.length = 0;
  await mount();
  assert.equal(seen[0].crew, "Crew");
  assert.equal(FakeWebSocket.last.sent.length, 1);
});

test("another id is another stream, and no id none", async () => {
  let id = /** @type {string | null} */ ("r1");
  const { mount, seen } = page(() => useRun(id));
  await mount();
  await soon();
  await receive(WELCOME, hello("run:r1", 1), boot("r1"));
  id = "r2";
  await mount();
  assert.equal(seen[0].status, null);
  await soon(5_000);
  await soon();
  assert.deepEqual(subscribed(), ["run:r2"]);
  id = null;
  await mount();
  assert.equal(seen[0].connection, "idle");
  await soon(5_000);
  await soon();
  assert.deepEqual(subscribed(), []);
});

test("an empty id is no id: no graph of all crews, and no error", async () => {
  const { mount, seen } = page(
    () => useCrew(""),
    () => useRun(""),
  );
  await mount();
  await soon();
  assert.deepEqual([seen[0].connection, seen[1].connection], ["idle", "idle"]);
  assert.equal(FakeWebSocket.all.length, 0);
});

test("many events at once are one render", async () => {
  let renders = 0;
  const { mount } = page(() => {
    renders += 1;
    return useRun("r1");
  });
  await mount();
  await soon();
  await receive(WELCOME, hello("run:r1", 1), boot("r1"));
  renders = 0;
  const frames = Array.from({ length: 500 }, (_, number) =>
    event("r1", number + 2, "task_start", { task_id: `t${number}`, agent_id: "orion", name: "" }),
  );
  await receive(...frames);
  assert.equal(renders, 2, "StrictMode renders twice");
});

test("a crew's agents work while a run says so, between their tools too", async () => {
  const { mount, seen } = page(() => useCrew("c"));
  await mount();
  await soon();
  const agents = [{ agent_id: "orion", name: "Orion", role: "Builder", state: "idle" }];
  await receive(...[WELCOME, hello("graph:c", 0)], {
    type: "snapshot",
    stream: "graph:c",
    seq: 0,
    agents,
    executions: [],
  });
  const { name, role, state } = seen[0].agents[0];
  assert.deepEqual([name, role, state], ["Orion", "Builder", "idle"]);
  const tool = {
    stream: "graph:c",
    run_id: "r1",
    crew_id: "c",
    agent_id: "orion",
    timestamp: TIME,
  };
  const call = { ...tool, execution_id: "x", tool: "script" };
  await receive({ ...call, type: "tool_start", seq: 1, params: {} });
  assert.deepEqual(seen[0].runs, ["r1"]);
  assert.deepEqual(subscribed(), ["graph:c", "run:r1"]);
  await receive(hello("run:r1", 2), boot("r1"), started("r1"));
  const ended = { duration_s: 1, exit_code: 0, status: "success" };
  await receive({ ...call, ...ended, type: "tool_end", seq: 2 });
  assert.equal(seen[0].agents[0].state, "working");
  assert.equal(seen[0].agents[0].task.name, "First");
  assert.equal(seen[0].executions[0].status, "success");
  const end = { task_id: "t1", agent_id: "orion", status: "succeeded", duration_s: 2 };
  await receive(...[event("r1", 3, "task_end", end), done("r1", 4)], {
    type: "close",
    stream: "run:r1",
    code: 1000,
    reason: "",
  });
  await soon();
  assert.deepEqual([seen[0].agents[0].state, seen[0].runs], ["done", []]);
});

test("the mission has the crews of this connection, without those that have gone", async () => {
  const { mount, seen } = page(() => useMission());
  await mount();
  await soon();
  /** @param {string} id @param {string} status */
  const signal = (id, status) => [
    hello(`mission:${id}`, 1),
    {
      ...{ type: "signal", stream: `mission:${id}`, crew_id: id, seq: 1, timestamp: TIME },
      payload: { crewId: id, status, approvals: 0 },
    },
  ];
  await receive(
    WELCOME,
    ...signal("a", "busy"),
    ...signal("b", "available"),
    ...signal("d", "busy"),
  );
  assert.deepEqual(seen[0].crews.get("a"), { status: "busy", approvals: 0 });
  await receive({ type: "gone", stream: "mission:b" });
  assert.deepEqual([...seen[0].crews.keys()], ["a", "d"]);
  FakeWebSocket.last.lose(1006);
  await soon();
  assert.deepEqual([...seen[0].crews.keys()], ["a", "d"], "shown until the next connection");
  await soon(5_000);
  await receive(WELCOME, ...signal("a", "offline"));
  assert.deepEqual([...seen[0].crews], [["a", { status: "offline", approvals: 0 }]]);
  FakeWebSocket.last.lose(1006);
  await soon(5_000);
  await receive(WELCOME, { ...hello("mission", 0), epoch: null }); // no crew is left
  assert.deepEqual([seen[0].connection, seen[0].crews.size], ["live", 0]);
});

test("a refusal is an error with the server's reason", async () => {
  const { mount, seen } = page(() => useRun("r1"));
  await mount();
  await soon();
  await receive(WELCOME, { type: "close", stream: "run:r1", code: 4404, reason: "Not found." });
  assert.equal(seen[0].connection, "failed");
  assert.deepEqual(seen[0].error, { code: 4404, reason: "Not found." });
});

test("a token that is refused for good ends the hooks with 4401, and is not asked for again", async () => {
  const { options } = fakeOptions();
  let asked = 0;
  const token = async () => {
    asked += 1;
    throw new AccessError("The password was changed.", { code: "password_changed", status: 401 });
  };
  const client = new CrewOpsClient({ ...options, token });
  /** @type {any} */
  let run;
  const Run = () => {
    run = useRun("r1");
    return null;
  };
  const { render } = root();
  await render(createElement(CrewOpsProvider, { client }, createElement(Run)));
  for (let pause = 0; pause < 5; pause++) await soon(10_000);
  assert.deepEqual(run.error, { code: 4401, reason: "The password was changed." });
  assert.equal(asked, 2);
  assert.equal(FakeWebSocket.all.length, 0);
});

test("a closed client ends its connection at once", async () => {
  const { mount, client } = page(() => useRun("r1"));
  await mount();
  await soon();
  await receive(WELCOME, hello("run:r1", 0));
  client.close();
  assert.equal(FakeWebSocket.last.closedWith, 1000);
  await soon(60_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("a listener that leaves a closed client ends nothing that has begun anew", async () => {
  const { options } = fakeOptions();
  const client = new CrewOpsClient(options);
  const leaveOld = client.follow("run", "r1", () => {});
  client.close();
  const leaveNew = client.follow("run", "r1", () => {});
  leaveOld();
  await soon(6_000);
  assert.equal(client.snapshot("run", "r1").connection, "connecting");
  leaveNew();
  await soon(6_000);
  assert.equal(client.snapshot("run", "r1").connection, "idle");
});

test("a server renders the page without a connection", () => {
  const { options } = fakeOptions();
  const client = new CrewOpsClient({ ...options, WebSocket: undefined, url: undefined });
  const Page = () => {
    const { status, connection } = useRun("r1");
    return `${status} ${connection} ${useCrew("c").agents.length} ${useMission().connection}`;
  };
  const html = renderToString(createElement(CrewOpsProvider, { client }, createElement(Page)));
  assert.equal(html, "null idle 0 idle");
  assert.equal(FakeWebSocket.all.length, 0);
});

test("a hook without a provider says what is missing", () => {
  const Page = () => useRun("r1").status;
  assert.throws(() => renderToString(createElement(Page)), /put <CrewOpsProvider client=/);
});
