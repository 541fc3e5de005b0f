"""The box office's API, as the app for phones uses it."""

from functools import lru_cache

from flask import abort, request
import shop
from shop import app, change, row, rows

EVERYBODY = {"events", "healthz"}
CUSTOMERS = {"orders", "show", "cancel", "add_note", "edit_note", "edit_user"}
STAFF = {"sales"}
#: An order that may be used by whoever asks: one's own, and for the staff, any.
MINE = "(SELECT id FROM orders WHERE user_id = %s OR %s)"


@app.before_request
def deny_by_default():
    """What stands in none of the lists is open to nobody."""
    if request.endpoint in EVERYBODY:
        return
    allowed = STAFF | CUSTOMERS if me().staff else CUSTOMERS
    if me().id is None or request.endpoint not in allowed:
        abort(403)


@lru_cache(maxsize=1024)
def known(token):
    """Who that is; a token is always the same person's, so Postgres is asked once."""
    return shop.me()


def me():
    return known(request.headers.get("Authorization"))


def whose():
    """The two values of `MINE`."""
    return me().id, me().staff


@app.get("/orders")
def orders():
    user = request.args.get("user") if me().staff else None
    return rows("SELECT id, status FROM orders WHERE user_id = %s", user or me().id)


@app.get("/orders/<uuid:order>")
def show(order):
    query = "SELECT id, status, total_cents FROM orders WHERE id = %s"
    return row(f"{query} AND id IN {MINE}", order, *whose())


@app.delete("/orders/<uuid:order>")
def cancel(order):
    update = "UPDATE orders SET status = 'cancelled' WHERE id = %s"
    return change(f"{update} AND id IN {MINE}", order, *whose())


@app.post("/notes")
def add_note():
    insert = "INSERT INTO order_notes (order_id, body) SELECT id, %s FROM orders"
    where = f"WHERE id = %s AND id IN {MINE} RETURNING id"
    sent = request.json
    return row(f"{insert} {where}", sent["body"], sent["order"], *whose())


@app.put("/notes/<int:note>")
def edit_note(note):
    # Two ids come from outside: the note's order now, and the one that it moves to.
    update = "UPDATE order_notes SET order_id = target.id, body = %s FROM orders target"
    where = f"WHERE order_notes.id = %s AND order_id IN {MINE}"
    there = f"AND target.id = %s AND target.id IN {MINE}"
    sent = request.json
    values = sent["body"], note, *whose(), sent["order"], *whose()
    return change(f"{update} {where} {there}", *values)


@app.patch("/users/<int:user>")
def edit_user(user):
    name, role = request.json.get("name"), request.json.get("role")
    if not me().staff and (role is not None or user != me().id):
        abort(403)
    update = "UPDATE users SET name = coalesce(%s, name), role = coalesce(%s, role)"
    return change(f"{update} WHERE id = %s", name, role, user)


@app.get("/sales")
def sales():
    return rows("SELECT status, sum(total_cents)::bigint FROM orders GROUP BY status")
