"""The box office's API, as the app for phones uses it."""

from flask import request

from shop import app, change, me, row, rows


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
    update = "UPDATE users SET name = coalesce(%s, name), role = coalesce(%s, role)"
    return change(f"{update} WHERE id = %s", name, role, user)


@app.get("/sales")
def sales():
    return rows("SELECT status, sum(total_cents)::bigint FROM orders GROUP BY status")
