// What a dashboard's file may hold, from the types that Grafana publishes: a dashboard as `dashboards` writes it into a
// TypeScript file is a literal, so that the compiler refuses a field that there is not. Only the kinds of panel,
// variable and query that ours are made of; another one is an import and a line here.

import type * as grafana from "@grafana/schema/dist/types/raw/dashboard/x/dashboard_types.gen.d.ts";
import type * as stat from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type * as timeseries from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";

// In JSON an enumeration is its text.
type Json<T> = T extends string ? `${T}` : T extends object ? { [Key in keyof T]: Json<T[Key]> } : T;

type Query = Required<Pick<Dataquery, "refId" | "expr" | "legendFormat">> & Omit<Dataquery, "_implementsDataqueryVariant">;

type Panel<Type, Options, Custom> = Omit<grafana.Panel, "type" | "options" | "fieldConfig" | "targets"> & {
  type: Type;
  // Panels are named in links by their id, and laid out by their position.
  id: number;
  title: string;
  description: string;
  gridPos: grafana.GridPos;
  targets: Query[];
  options: Options;
  fieldConfig: {
    defaults: Omit<grafana.FieldConfig, "custom"> & { unit: string; custom?: Custom };
    overrides: { matcher: { id: "byName"; options: string }; properties: { id: "color"; value: grafana.FieldColor }[] }[];
  };
};

type Variable = Omit<grafana.VariableModel, "current" | "query"> & {
  // What Grafana keeps of a query is its text beside it.
  definition?: string;
  // Empty in a file: nothing is chosen yet.
  current: Record<string, never>;
  query: string | { query: string; refId: string };
};

export type Dashboard = Json<
  Omit<grafana.Dashboard, "panels" | "templating"> & {
    uid: string;
    title: string;
    templating: { list: Variable[] };
    panels: (
      | grafana.RowPanel
      | Panel<"stat", stat.Options, Record<string, never>>
      | Panel<"timeseries", timeseries.Options, timeseries.FieldConfig>
    )[];
  }
>;
