-- At most two indexes for the three queries. Each statement ends with a semicolon.

CREATE INDEX tickets_user_id ON tickets (user_id);
