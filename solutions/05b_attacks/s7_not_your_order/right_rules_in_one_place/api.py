"""The box office's API, as the app for phones uses it."""

from uuid import UUID

from flask import request

from shop import app, change, me, row, rows


class Access:
    """Who may use a route: asked before the view, with the path's ids and the JSON."""

    @staticmethod
    def everybody(_ids, _sent):
        return True

    @staticmethod
    def staff(_ids, _sent):
        return me().staff

    @staticmethod
    def own_list(_ids, _sent):
        return all(user == str(me().id) for user in request.args.getlist("user"))

    @staticmethod
    def own_order(ids, sent):
        return Access._mine(ids.get("order") or sent.get("order"))

    @staticmethod
    def own_note(ids, sent):
        found = rows("SELECT order_id FROM order_notes WHERE id = %s", ids["note"])
        return (
            bool(found)
            and Access._mine(found[0]["order_id"])
            and Access._mine(sent.get("order"))
        )

    @staticmethod
    def own_name(ids, sent):
        return ids["user"] == me().id and set(sent) <= {"name"}

    @staticmethod
    def _mine(order):
        try:
            order = UUID(str(order))
        except ValueError:
            return False
        return bool(
            rows("SELECT FROM orders WHERE id = %s AND user_id = %s", order, me().id)
        )


RULES = {
    "events": Access.everybody,
    "healthz": Access.everybody,
    "orders": Access.own_list,
    "show": Access.own_order,
    "cancel": Access.own_order,
    "add_note": Access.own_order,
    "edit_note": Access.own_note,
    "edit_user": Access.own_name,
    "sales": Access.staff,
}


@app.before_request
def ask_the_rule():
    if request.endpoint is None:
        return None  # 404 by itself
    rule = RULES.get(request.endpoint, Access.staff)
    if rule is Access.everybody:
        return None
    if me().id is None:
        return {"error": "log in first"}, 401
    sent = request.get_json(silent=True)
    if me().staff or rule(request.view_args, sent if isinstance(sent, dict) else {}):
        return None
    return {"error": "not yours"}, 403


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
