// The theme, set before anything is drawn, which is why this is no module: a module would flash in the other one.
"use strict";

(() => {
  const KEY = "delian-theme";
  const themes = ["auto", "light", "dark"];
  const kept = () => {
    try {
      const word = localStorage.getItem(KEY);
      return themes.includes(word) ? word : "auto";
    } catch {
      return "auto"; // Storage may be forbidden; the page then follows the system.
    }
  };
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${theme}`;
  };

  show(kept());
  document.addEventListener("DOMContentLoaded", () => {
    show(kept());
    document.getElementById("theme").addEventListener("click", () => {
      const next = themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // It holds until the page is left.
      }
      show(next);
    });
  });
})();
