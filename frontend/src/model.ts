// What the API and the stream say; each page keeps its own shapes beside it.

export interface Head {
  desk: string;
  mode: 'SIMULATED' | 'REPLAY' | 'LIVE';
  standing: 'STARTING' | 'RECONCILING' | 'NORMAL' | 'DEGRADED' | 'PULLED' | 'STOPPED';
  standing_reason: string;
  speed: number;
  pnl_usd: number | null;
  capital_usd: number | null;
  capital_pct: number | null;
  capital_of: string;
  data_usable_pct: number | null;
  tick_to_decision_p50_us: number | null;
  tick_to_decision_p99_us: number | null;
  worst_step: string;
  hedges_waiting: number;
  journal_sequence: number;
  queues: Record<string, number>;
  venues: Record<string, string>;
  alerts: Alert[];
  kills: Kill[];
  scopes: { underlyings: string[]; classes: string[]; venues: string[] };
}

export interface Alert {
  id: string;
  at_ns: string;
  severity: string;
  text: string;
  scope: string;
  acknowledged_by: string;
}

export interface Kill {
  scope: string;
  name: string;
  owner: string;
  reason: string;
  since_ns: string;
  text: string;
  pending: number;
}

export interface Session {
  signed_in: boolean;
  four_eyes: boolean;
  name: string;
  role: string;
  permissions: string[];
  csrf: string;
}
