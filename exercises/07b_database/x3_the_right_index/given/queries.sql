-- page: the newest tickets of a customer
SELECT id, status, issued_at, printed FROM tickets
WHERE user_id = %(user)s ORDER BY issued_at DESC LIMIT 20;

-- week: what a customer bought in seven days
SELECT count(*), sum(price_cents) FROM tickets
WHERE user_id = %(user)s AND issued_at >= %(day)s AND issued_at < %(day)s + interval '7 days';

-- door: the code as somebody types it, while the ticket has not been used
SELECT id, user_id, price_cents FROM tickets
WHERE lower(code) = lower(%(code)s) AND status = 'issued';
