\set slot random(1, :forms)
\set value random(1, 4)
BEGIN;
SELECT id, person, state, opens_at, closes_at FROM assignment WHERE token = md5((:slot)::text) FOR UPDATE;
INSERT INTO answer SELECT :slot, 'q' || n, :value, now() FROM generate_series(1, 30) AS n
  ON CONFLICT (assignment_id, item) DO UPDATE SET value = excluded.value, answered_at = excluded.answered_at;
INSERT INTO response (assignment_id, answers, scores, submitted_at)
  VALUES (:slot, '{"q1": 2,"q2": 2,"q3": 2,"q4": 2,"q5": 2,"q6": 2,"q7": 2,"q8": 2,"q9": 2,"q10": 2,"q11": 2,"q12": 2,"q13": 2,"q14": 2,"q15": 2,"q16": 2,"q17": 2,"q18": 2,"q19": 2,"q20": 2,"q21": 2,"q22": 2,"q23": 2,"q24": 2,"q25": 2,"q26": 2,"q27": 2,"q28": 2,"q29": 5,"q30": 5}', '{"QL": 66.7,"PF": 66.7,"RF": 66.7,"EF": 66.7,"CF": 66.7,"SF": 66.7,"FA": 33.3,"NV": 33.3,"PA": 33.3,"DY": 33.3,"SL": 33.3,"AP": 33.3,"CO": 33.3,"DI": 33.3,"FI": 33.3,"SUM": 66.7}', now());
UPDATE assignment SET state = 'submitted', submitted_at = now() WHERE id = :slot;
INSERT INTO audit (at, actor, event, changes)
  VALUES (now(), 'person-' || (:slot)::text, 'form-submitted', jsonb_build_array(jsonb_build_object('field', 'submitted_at', 'old', 'null'::jsonb, 'new', now())));
COMMIT;
