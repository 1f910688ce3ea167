import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { FakeWebSocket } from "./fake_websocket.js";

const VITE = fileURLToPath(new URL("../../../node_modules/vite/bin/vite.js", import.meta.url));
const APP = fileURLToPath(new URL("../vite_app", import.meta.url));
const SERVER = "wss://live.example.com/crewops";

let out = "";

before(async () => {
  out = await mkdtemp(join(tmpdir(), "vite-app-"));
  await writeFile(join(out, "package.json"), '{"type": "module"}');
});

after(() => rm(out, { recursive: true }));

/**
 * Builds the app with this VITE_WS_URL, or without one.
 * @param {string} name  of the build
 * @param {string} [url]
 * @returns {Promise<string>} the bundle's path
 */
async function build(name, url) {
  const { VITE_WS_URL: _inherited, ...env } = process.env;
  if (url) env.VITE_WS_URL = url;
  const args = [VITE, "build", "--outDir", join(out, name), "--logLevel", "error"];
  await promisify(execFile)(process.execPath, args, { cwd: APP, env });
  const assets = join(out, name, "assets");
  const [bundle, ...others] = await readdir(assets);
  assert.deepEqual(others, []);
  return join(assets, bundle);
}

/**
 * Runs the bundle as the page at this origin would.
 * @param {string} bundle
 * @param {string} origin
 * @returns {Promise<string>} where it connected to
 */
async function connects(bundle, origin) {
  Object.defineProperty(globalThis, "location", { value: { origin }, configurable: true });
  Object.defineProperty(globalThis, "WebSocket", { value: FakeWebSocket, configurable: true });
  await import(pathToFileURL(bundle).href);
  FakeWebSocket.last.lose(1000);
  return FakeWebSocket.last.url;
}

test("a front end built with VITE_WS_URL connects there", async () => {
  const bundle = await build("with", SERVER);
  assert.ok((await readFile(bundle, "utf8")).includes(SERVER));
  assert.equal(await connects(bundle, "https://page"), `${SERVER}/ws/runs/r1`);
});

test("a front end built without it connects to its own origin", async () => {
  const bundle = await build("without");
  assert.ok(!(await readFile(bundle, "utf8")).includes(SERVER));
  assert.equal(await connects(bundle, "https://page"), "wss://page/ws/runs/r1");
});
