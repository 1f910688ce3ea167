import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { FakeWebSocket, settled, stopTime } from "./fake_websocket.js";
import { LiveServer } from "./live_server.js";
import { connected } from "./live_sockets.js";

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

test("whatever happens, every socket sees every event once and in order", async () => {
  for (let seed = 1; seed <= 150; seed++) await story(seed);
});

test("also when backups are restored, so that sockets resume with past numberings", async () => {
  for (let seed = 1; seed <= 150; seed++) await story(seed, true);
});

/** @param {number} seed @param {boolean} restores */
async function story(seed, restores = false) {
  const server = new LiveServer();
  const { run } = connected();
  const runs = ["r1", "r2"].flatMap((id) => [1, 2, 3].map(() => ({ id, ...run(id) })));
  let state = seed;
  /** @param {number} below */
  const random = (below) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
  for (let step = 0; step < 80; step++) {
    const one = runs[random(runs.length)];
    const steps = [
      () => one.socket.connect(),
      () => one.socket.connect(),
      () => one.socket.disconnect(),
      () => one.socket.reconnect(),
      () => server.append(one.id),
      () => server.append(one.id),
      () => server.step(),
      () => server.step(),
      () => server.deliver(),
      () => server.deliver(),
      () => mock.timers.tick(random(600)),
      () => FakeWebSocket.all.length && FakeWebSocket.last.lose(1006),
      ...(restores ? [() => server.restore()] : []),
    ];
    steps[random(steps.length)]();
    await settled();
  }
  for (const { socket } of runs) socket.connect();
  for (let rest = 0; rest < 40; rest++) {
    mock.timers.tick(1000);
    server.step();
    server.deliver();
    await settled();
  }
  for (const { id, seen, socket } of runs) {
    const all = Array.from({ length: server.heads.get(id) ?? 0 }, (_, n) => n + 1);
    assert.deepEqual(seen, all, `seed ${seed}: ${id}`);
    assert.equal(socket.state, "live", `seed ${seed}: ${id}`);
    socket.disconnect();
  }
}
