/** What a bundler such as Vite defines; absent where the modules are served as they are. */
interface ImportMeta {
  readonly env?: { readonly VITE_WS_URL?: string };
}

/** The ES module of the package has no types of its own. */
declare module "@xterm/headless/lib-headless/xterm-headless.mjs" {
  export { Terminal } from "@xterm/headless";
}
