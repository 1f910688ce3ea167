/** What a bundler such as Vite defines; absent where the modules are served as they are. */
interface ImportMeta {
  readonly env?: { readonly VITE_WS_URL?: string };
}
