"""The box office's API, as the app for phones uses it."""

from flask import abort, request

from shop import app, change, me, row, rows

#: Who asks, as Postgres knows it. Where nobody has said so, in a migration for example,
#: all rows are there.
USER = "current_setting('shop.user', true)"
MINE = f"coalesce({USER}, 'staff') = 'staff' OR user_id::text = {USER}"
POLICIES = f"""
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS mine ON orders;
CREATE POLICY mine ON orders USING ({MINE});
ALTER TABLE order_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_notes FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS mine ON order_notes;
CREATE POLICY mine ON order_notes
    USING (EXISTS (SELECT FROM orders WHERE id = order_id));
"""
ROUTES = {
    "customer": "orders show cancel add_note edit_note edit_user".split(),
    "staff": "orders show cancel add_note edit_note edit_user sales".split(),
}

change(f"DO $$ BEGIN {POLICIES} END $$")


@app.before_request
def say_who_asks():
    """Tell Postgres, and let nobody through to a route that is not theirs."""
    who = me()
    rows(
        "SELECT set_config('shop.user', %s, false)",
        "staff" if who.staff else str(who.id or "nobody"),
    )
    if request.endpoint in ("events", "healthz"):
        return
    if (
        who.id is None
        or request.endpoint not in ROUTES["staff" if who.staff else "customer"]
    ):
        abort(401)


@app.errorhandler(Exception)
def refused_by_postgres(error):
    if (
        getattr(error, "sqlstate", "") == "42501"
    ):  # a row that the policy does not let in
        return {"error": "forbidden"}, 403
    return error if hasattr(error, "code") else ({"error": "internal"}, 500)


@app.get("/orders")
def orders():
    user = request.args.get("user", me().id)
    return rows("SELECT id, status FROM orders WHERE user_id = %s", user)


@app.get("/orders/<uuid:order>")
def show(order):
    return row("SELECT id, status, total_cents FROM orders WHERE id = %s", order)


@app.delete("/orders/<uuid:order>")
def cancel(order):
    return change("UPDATE orders SET status = 'cancelled' WHERE id = %s", order)


@app.post("/notes")
def add_note():
    insert = "INSERT INTO order_notes (order_id, body) VALUES (%s, %s) RETURNING id"
    return row(insert, request.json["order"], request.json["body"])


@app.put("/notes/<int:note>")
def edit_note(note):
    update = "UPDATE order_notes SET order_id = %s, body = %s WHERE id = %s"
    return change(update, request.json["order"], request.json["body"], note)


@app.patch("/users/<int:user>")
def edit_user(user):
    name, role = request.json.get("name"), request.json.get("role")
    if not me().staff and (role or user != me().id):
        abort(403)
    update = "UPDATE users SET name = coalesce(%s, name), role = coalesce(%s, role)"
    return change(f"{update} WHERE id = %s", name, role, user)


@app.get("/sales")
def sales():
    return rows("SELECT status, sum(total_cents)::bigint FROM orders GROUP BY status")
