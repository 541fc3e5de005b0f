CREATE INDEX CONCURRENTLY ON public.tickets (user_id, issued_at DESC, id);
create index concurrently on public.tickets (lower(code), status)
