-- What should be, and what the agents report. Any program may write `spec` and `deleted_at`; the rest is the source's and the triggers'.
CREATE TABLE IF NOT EXISTS widgets (
  id text PRIMARY KEY DEFAULT gen_random_uuid()::text,
  cluster text NOT NULL CHECK (cluster <> ''),
  name text NOT NULL,
  spec jsonb NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  deleted_at timestamptz,               -- set: the agent is to remove it; the row goes when the agent has
  published bigint NOT NULL DEFAULT 0,  -- the newest version that the broker has acknowledged
  status jsonb,
  status_hash text,
  sequence_id bigint NOT NULL DEFAULT 0, -- the order of the agent's statuses
  UNIQUE (cluster, name)
);

CREATE INDEX IF NOT EXISTS widgets_to_publish ON widgets (id) WHERE version > published;

CREATE OR REPLACE FUNCTION widgets_next_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.spec IS DISTINCT FROM OLD.spec OR NEW.deleted_at IS DISTINCT FROM OLD.deleted_at THEN
    NEW.version := OLD.version + 1;
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER widgets_next_version BEFORE UPDATE ON widgets
  FOR EACH ROW EXECUTE FUNCTION widgets_next_version();

-- A notification is sent when the transaction commits, and never for one that is rolled back: what the source is told is so.
CREATE OR REPLACE FUNCTION widgets_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.version > NEW.published THEN
    NOTIFY widgets;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER widgets_changed AFTER INSERT OR UPDATE ON widgets
  FOR EACH ROW EXECUTE FUNCTION widgets_changed();
