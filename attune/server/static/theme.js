// Light and dark, before anything is drawn; the choice is the report's, and kept where it keeps it.
"use strict";
(() => {
  const THEMES = ["auto", "light", "dark"];
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  let theme = "auto";
  try {
    if (THEMES.includes(localStorage.getItem("attune-theme"))) theme = localStorage.getItem("attune-theme");
  } catch {
    /* a page without storage has no memory */
  }
  function apply() {
    document.documentElement.dataset.theme = theme === "dark" || (theme === "auto" && prefersDark.matches) ? "dark" : "light";
    const button = document.getElementById("theme");
    if (button) {
      const [sign, name] = { auto: ["◐", "Auto"], light: ["○", "Light"], dark: ["●", "Dark"] }[theme];
      button.replaceChildren(sign, Object.assign(document.createElement("span"), { className: "wide", textContent: ` ${name}` }));
      button.setAttribute("aria-label", `colours: ${theme}; press to change`);
    }
    dispatchEvent(new Event("theme"));
  }
  globalThis.switchTheme = () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("attune-theme", theme);
    } catch {
      /* as above */
    }
    apply();
  };
  prefersDark.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", globalThis.switchTheme);
    apply();
  });
  apply();
})();
