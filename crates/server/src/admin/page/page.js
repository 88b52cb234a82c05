// Starts Swagger UI on the gateway's own document.

// An operation marked `x-executable: false` is for reading: it has no "Try it out".
const readOnlyOperations = () => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (_original, system) => (_state, path, method) =>
          system.specSelectors.specJson().getIn(["paths", path, method, "x-executable"], true),
      },
    },
  },
});

SwaggerUIBundle({
  dom_id: "#page",
  url: "openapi.json",
  deepLinking: true,
  filter: true,
  validatorUrl: null,
  plugins: [readOnlyOperations],
});
