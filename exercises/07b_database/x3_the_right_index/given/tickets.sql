-- Guichê's tickets: a row for each seat that was sold. 20 agencies have 1,000 each, 2,500 customers about 16.
CREATE TABLE tickets (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('issued', 'used', 'returned')),
    price_cents integer NOT NULL,
    code text NOT NULL,
    issued_at timestamptz NOT NULL,
    printed text NOT NULL
);

-- Users 1 to 20 are the agencies. On the first day, each of them bought two seats in the same moment.
INSERT INTO tickets (user_id, status, price_cents, code, issued_at, printed)
SELECT
    CASE WHEN n % 3 = 0 THEN 1 + n / 3 % 20 ELSE 101 + floor(random() * 2500) END,
    (ARRAY['issued', 'used', 'returned'])[1 + n % 7 % 3],
    1000 + n % 90 * 100,
    'Tk' || upper(substr(md5(random()::text), 1, 8)) || n,
    CASE WHEN n <= 120 THEN timestamptz '2025-11-20 10:00-03'
         ELSE timestamptz '2026-11-20 18:00-03' - random() * interval '364 days' END,
    repeat(md5(n::text), 9)
FROM (SELECT n FROM generate_series(1, 60000) AS n ORDER BY md5(n::text)) AS shuffled;

-- What autovacuum does a little later by itself.
VACUUM (ANALYZE) tickets;
