\set slot random(1, :forms)
\set item random(1, 30)
\set value random(1, 4)
BEGIN;
SELECT id, person, state, opens_at, closes_at FROM assignment WHERE token = md5((:slot)::text);
INSERT INTO answer VALUES (:slot, 'q' || (:item)::text, :value, now())
  ON CONFLICT (assignment_id, item) DO UPDATE SET value = excluded.value, answered_at = excluded.answered_at;
INSERT INTO audit (at, actor, event, changes)
  VALUES (now(), 'person-' || (:slot)::text, 'answer-saved', jsonb_build_array(jsonb_build_object('field', 'q' || (:item)::text, 'old', 'null'::jsonb, 'new', (:value)::int)));
COMMIT;
