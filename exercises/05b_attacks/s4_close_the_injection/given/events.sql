-- What the search reads.
CREATE TABLE events (
    slug text PRIMARY KEY,
    title text NOT NULL,
    starts_at timestamptz NOT NULL,
    price integer NOT NULL -- the cheapest seat, in reais
);

-- What it has no business with, in the same database.
CREATE TABLE users (
    email text PRIMARY KEY,
    password_hash text NOT NULL,
    role text NOT NULL
);
