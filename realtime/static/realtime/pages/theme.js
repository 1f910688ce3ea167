// Runs before the first paint: light or dark, as chosen here before, else as the system has it.

const THEME_KEY = "crewops-theme";
const systemDark = matchMedia("(prefers-color-scheme: dark)");

/** The chosen theme, if there is one and the browser allows reading it. */
function chosenTheme() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null;
  }
}

function applyTheme() {
  const theme = chosenTheme() ?? (systemDark.matches ? "dark" : "light");
  document.documentElement.dataset.bsTheme = theme;
}

applyTheme();
systemDark.addEventListener("change", applyTheme);
addEventListener("storage", applyTheme);

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element) || !target.closest("#theme-toggle")) return;
  const theme = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
  document.documentElement.dataset.bsTheme = theme;
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
});
