-- The least that capture needs, for the database's own limit: an assignment, its answers, the
-- response and an audit entry for every act. No triggers, no chains, no application.
CREATE TABLE assignment (
  id bigint PRIMARY KEY,
  token text NOT NULL UNIQUE,
  person bigint NOT NULL,
  state text NOT NULL,
  opens_at timestamptz NOT NULL,
  closes_at timestamptz NOT NULL,
  submitted_at timestamptz
);
CREATE TABLE answer (
  assignment_id bigint NOT NULL REFERENCES assignment,
  item text NOT NULL,
  value smallint,
  answered_at timestamptz NOT NULL,
  PRIMARY KEY (assignment_id, item)
);
CREATE TABLE response (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  assignment_id bigint NOT NULL REFERENCES assignment,
  answers jsonb NOT NULL,
  scores jsonb NOT NULL,
  submitted_at timestamptz NOT NULL
);
CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  event text NOT NULL,
  changes jsonb NOT NULL
);
