import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { AccessError, resume, signIn, withKey } from "../../static/realtime/access.js";
import { stopTime } from "./fake_websocket.js";
import { jwt } from "./jwt.js";

const URL_ = "https://crewops.example.com";
const LIFE_S = 900;

beforeEach(stopTime);
afterEach(() => mock.timers.reset());

/** A server that gives tokens of 15 minutes; `ahead`: its clock, in seconds. */
function server(ahead = 0, address = URL_) {
  /** @type {{path: string, body: any, token: string | null, cookies: string | undefined}[]} */
  const calls = [];
  let issued = 0;
  /** Answers of the next calls, instead of tokens. @type {(Response | Error)[]} */
  const next = [];
  const pair = () => {
    issued += 1;
    const now = Math.floor(Date.now() / 1000) + ahead;
    const access = jwt({ iat: now, exp: now + LIFE_S, number: issued });
    return Response.json({ access, refresh: `refresh-${issued}` });
  };
  /** @param {any} url @param {any} init */
  const fetch = async (url, init) => {
    const token = init.headers.get("Authorization")?.slice("Bearer ".length) ?? null;
    const body = init.body && JSON.parse(init.body);
    calls.push({ path: url.slice(URL_.length), body, token, cookies: init.credentials });
    init.signal?.throwIfAborted();
    const answer = next.shift() ?? (token ? Response.json([]) : pair());
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { calls, next, options: { url: address, fetch } };
}

/** @param {number} status @param {string} code @param {object} [headers] */
function problem(status, code, headers = {}) {
  return Response.json(
    { status, code, detail: `About ${code}.` },
    { status, headers: { ...headers } },
  );
}

/** @param {string} token */
const numberOf = (token) => JSON.parse(atob(token.split(".")[1])).number;

test("a password gives a token, and a new one comes before it expires", async () => {
  const { calls, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  assert.deepEqual(calls[0].body, { username: "ada", password: "secret" });
  assert.equal(numberOf(await access.token()), 1);
  mock.timers.tick((LIFE_S - 61) * 1000);
  assert.equal(numberOf(await access.token()), 1);
  mock.timers.tick(1000);
  assert.equal(numberOf(await access.token()), 2);
  assert.deepEqual(calls[1], {
    ...{ path: "/api/token/refresh/", body: { refresh: "refresh-1" } },
    ...{ token: null, cookies: "omit" },
  });
});

for (const ahead of [-7200, 7200])
  test(`a server whose clock is ${ahead} s ahead is asked as rarely`, async () => {
    const { calls, options } = server(ahead);
    const access = await signIn({ username: "ada", password: "secret" }, options);
    for (let minute = 0; minute < 13; minute++) {
      await access.token();
      mock.timers.tick(60_000);
    }
    assert.equal(calls.length, 1);
  });

test("sockets and calls that need a new token at the same time share one request", async () => {
  const { calls, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  const tokens = await Promise.all([
    access.token({ renew: true }),
    access.token({ renew: true }),
    access.token(),
  ]);
  assert.deepEqual(tokens.map(numberOf), [2, 2, 2]);
  assert.equal(calls.length, 2);
});

test("each refresh token is used once, and passed to the callback that stores it", async () => {
  const { calls, options } = server();
  /** @type {string[]} */
  const stored = [];
  const onRefreshToken = (/** @type {string} */ token) => void stored.push(token);
  const access = await resume("stored", { ...options, onRefreshToken });
  await access.token({ renew: true });
  assert.deepEqual(
    calls.map(({ body }) => body.refresh),
    ["stored", "refresh-1"],
  );
  assert.deepEqual(stored, ["refresh-1", "refresh-2"]);
});

test("a wrong password is an error that says so", async () => {
  const { next, options } = server();
  next.push(problem(401, "no_active_account"));
  const wrong = signIn({ username: "ada", password: "wrong" }, options);
  await assert.rejects(wrong, { message: "About no_active_account.", status: 401, refused: true });
});

test("a limit is no refusal, and its error says how long to wait", async () => {
  const { next, options } = server();
  next.push(problem(429, "throttled", { "Retry-After": "30" }));
  const early = signIn({ username: "ada", password: "secret" }, options);
  await assert.rejects(early, { code: "throttled", refused: false, retryAfter: 30 });
});

test("a server that cannot be reached, or does not know the page's origin, is named", async () => {
  const { next, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  next.push(new TypeError("Failed to fetch"));
  await assert.rejects(access.token({ renew: true }), (error) => {
    assert.ok(error instanceof AccessError);
    assert.match(
      error.message,
      /^https:\/\/crewops\.example\.com cannot be reached.*ALLOWED_ORIGINS/,
    );
    return error.code === "unreachable" && !error.refused;
  });
  assert.equal(numberOf(await access.token({ renew: true })), 2, "it is tried again");
});

test("a refused refresh token ends the access without further requests", async () => {
  const { calls, next, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  next.push(problem(401, "password_changed"));
  const refused = { code: "password_changed", refused: true };
  await assert.rejects(access.token({ renew: true }), refused);
  await assert.rejects(access.token(), refused);
  await assert.rejects(access.fetch("/api/crews/"), refused);
  assert.equal(calls.length, 2);
});

test("a call has the token, and after a 401 a new one", async () => {
  const { calls, next, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  next.push(problem(401, "token_not_valid"));
  const response = await access.fetch("/api/crews/?page_size=2");
  assert.equal(response.status, 200);
  const used = calls.filter(({ path }) => path === "/api/crews/?page_size=2");
  assert.deepEqual(
    used.map(({ token }) => token && numberOf(token)),
    [1, 2],
  );
});

test("the token goes to no other server", async () => {
  const { calls, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  await access.fetch(`${URL_}/api/runs/?cursor=x`); // as `next` of a list
  await assert.rejects(access.fetch("https://elsewhere.example.com/api/"), TypeError);
  await assert.rejects(access.fetch("//elsewhere.example.com/api/"), TypeError);
  assert.equal(calls.length, 2);
});

test("a server below a path is called there, and another program of its origin never", async () => {
  const { calls, options } = server(0, `${URL_}/crewops/`);
  const access = await signIn({ username: "ada", password: "secret" }, options);
  await access.fetch("/api/crews/");
  await access.fetch(`${URL_}/crewops/api/runs/?cursor=x`);
  assert.deepEqual(
    calls.map(({ path }) => path),
    ["/crewops/api/token/", "/crewops/api/crews/", "/crewops/api/runs/?cursor=x"],
  );
  const others = [`${URL_}/api/crews/`, `${URL_}/crewops2/`, "/../api/crews/", "/%2e%2e/api/"];
  for (const other of others) await assert.rejects(access.fetch(other), TypeError, other);
  assert.equal(calls.length, 3);
});

test("a call that its caller ends is not reported as a server that cannot be reached", async () => {
  const { options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  const signal = AbortSignal.abort();
  await assert.rejects(access.fetch("/api/crews/", { signal }), { name: "AbortError" });
});

test("an API key is used as it is, and never renewed", async () => {
  const { calls, next, options } = server();
  const access = withKey("crewops_key", options);
  assert.equal(await access.token({ renew: true }), "crewops_key");
  next.push(problem(401, "api_key_not_valid"));
  assert.equal((await access.fetch("/api/crews/")).status, 401);
  assert.deepEqual(
    calls.map(({ token }) => token),
    ["crewops_key"],
  );
});

test("signing out revokes the refresh token", async () => {
  const { calls, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  await access.signOut();
  const { path, body } = calls[1];
  assert.deepEqual([path, body], ["/api/token/revoke/", { refresh: "refresh-1" }]);
  await assert.rejects(access.token(), { code: "signed_out", refused: true });
});

test("signing out fails if the server does not revoke, and can be repeated", async () => {
  const { calls, next, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  next.push(problem(503, "database_unavailable"), new TypeError("Failed to fetch"));
  await assert.rejects(access.signOut(), { code: "database_unavailable", status: 503 });
  await assert.rejects(access.token(), { code: "signed_out" });
  await assert.rejects(access.signOut(), { code: "unreachable" });
  await access.signOut();
  await access.signOut();
  assert.deepEqual(
    calls.slice(1).map(({ body }) => body.refresh),
    ["refresh-1", "refresh-1", "refresh-1"],
  );
});

test("signing out with a refresh token that is not valid any more is no error", async () => {
  const { calls, next, options } = server();
  const access = await signIn({ username: "ada", password: "secret" }, options);
  next.push(problem(401, "token_not_valid"));
  await access.signOut();
  await access.signOut();
  assert.equal(calls.length, 2);
});
