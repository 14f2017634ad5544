"use strict";

// Shows the document that the page names, with Swagger UI. The page says how in a data attribute, so
// that it needs no script of its own and can forbid all inline ones.
(() => {
  const element = document.getElementById("swagger-ui");
  const config = JSON.parse(element.dataset.config);
  const absolute = (url) => new URL(url, document.baseURI).href;

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  follow();
  dark.addEventListener("change", follow);

  const options = {
    presets: [SwaggerUIBundle.presets.apis],
    ...config.parameters,
    url: absolute(config.url),
  };
  if (config.oauth2RedirectUrl) {
    options.oauth2RedirectUrl = absolute(config.oauth2RedirectUrl);
  }
  if (options.supportedSubmitMethods?.length === 0) {
    // Nothing can be sent: what is asked for is told, by the locks, and cannot be filled in.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
      .btn.authorize, .auth-container label:not(.checkbox label),
      .auth-container :is(input, select, .checkbox .item, .scopes h2 a) { display: none !important }
      .scheme-container:not(:has(.servers)) { background: none; box-shadow: none; margin: 0; padding: 0 }
    `);
    document.adoptedStyleSheets.push(sheet);
  }
  const ui = SwaggerUIBundle(options);
  if (config.initOAuth) {
    ui.initOAuth(config.initOAuth);
  }
})();
