"""The box office's API, as the app for phones uses it."""

from functools import wraps

from flask import abort, request

from shop import app, change, me, row, rows

OPEN = {"events", "healthz"}  # those in shop.py


def for_(who):
    """Say above a view who may use it: `staff`, or `customers` and staff."""

    def mark(view):
        @wraps(view)
        def guarded(**ids):
            if me().id is None:
                abort(401)
            if who == "staff" and not me().staff:
                abort(403)
            return view(**ids)

        guarded.decided = True
        return guarded

    return mark


@app.before_request
def deny_by_default():
    """A view without such a line is closed to all."""
    view = app.view_functions.get(request.endpoint)
    if request.endpoint not in OPEN and not getattr(view, "decided", False):
        abort(404)


def own_order(order):
    """Ends the request unless the order is the visitor's, or the visitor is staff."""
    found = row("SELECT user_id FROM orders WHERE id = %s", order)
    if not me().staff and found["user_id"] != me().id:
        abort(404)


@app.get("/orders")
@for_("customers")
def orders():
    user = request.args.get("user", me().id, type=int)
    if user != me().id and not me().staff:
        abort(403)
    return rows("SELECT id, status FROM orders WHERE user_id = %s", user)


@app.get("/orders/<uuid:order>")
@for_("customers")
def show(order):
    own_order(order)
    return row("SELECT id, status, total_cents FROM orders WHERE id = %s", order)


@app.delete("/orders/<uuid:order>")
@for_("customers")
def cancel(order):
    own_order(order)
    return change("UPDATE orders SET status = 'cancelled' WHERE id = %s", order)


@app.post("/notes")
@for_("customers")
def add_note():
    own_order(request.json["order"])
    insert = "INSERT INTO order_notes (order_id, body) VALUES (%s, %s) RETURNING id"
    return row(insert, request.json["order"], request.json["body"])


@app.put("/notes/<int:note>")
@for_("customers")
def edit_note(note):
    own_order(row("SELECT order_id FROM order_notes WHERE id = %s", note)["order_id"])
    own_order(request.json["order"])
    update = "UPDATE order_notes SET order_id = %s, body = %s WHERE id = %s"
    return change(update, request.json["order"], request.json["body"], note)


@app.patch("/users/<int:user>")
@for_("customers")
def edit_user(user):
    if user != me().id and not me().staff:
        abort(403)
    if not me().staff:  # the role that a customer sends is not looked at
        return change(
            "UPDATE users SET name = coalesce(%s, name) WHERE id = %s",
            request.json.get("name"),
            user,
        )
    name, role = request.json.get("name"), request.json.get("role")
    update = "UPDATE users SET name = coalesce(%s, name), role = coalesce(%s, role)"
    return change(f"{update} WHERE id = %s", name, role, user)


@app.get("/sales")
@for_("staff")
def sales():
    return rows("SELECT status, sum(total_cents)::bigint FROM orders GROUP BY status")
