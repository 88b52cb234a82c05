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

// Swagger UI filters by the tags alone; here every word may be in the feature, the command or what it is about.
const filterOfWords = () => ({
  fn: {
    opsFilter: (features, phrase) => {
      const words = phrase.toLowerCase().split(/\s+/);
      const matches = (feature) => (operation) => {
        const text = `${feature} ${operation.get("path")} ${operation.getIn(["operation", "summary"])}`.toLowerCase();
        return words.every((word) => text.includes(word));
      };
      return features
        .map((feature, name) => feature.update("operations", (operations) => operations.filter(matches(name))))
        .filter((feature) => feature.get("operations").size > 0);
    },
  },
});

SwaggerUIBundle({
  dom_id: "#page",
  url: "openapi.json",
  deepLinking: true,
  displayRequestDuration: true,
  // The types are shown where they are used; all of them, below, only on demand.
  defaultModelsExpandDepth: 0,
  filter: true,
  validatorUrl: null,
  plugins: [readOnlyOperations, filterOfWords],
  onComplete: () => {
    document.querySelector(".operation-filter-input").placeholder = "Filter: a feature, a command, a word";
  },
});
