import { defineConfig } from "vite";

export default defineConfig({
  // The bundle is run outside a page by its test, which the preload polyfill would not survive.
  build: { modulePreload: false },
});
