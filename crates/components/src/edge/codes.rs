//! What can be wrong with an edge.

use model::FindingCode;

pub(super) const ALL: &[&FindingCode] =
    &[&EDG001, &EDG002, &EDG003, &EDG004, &EDG005, &EDG006, &EDG007, &EDG008, &EDG009, &EDG010];

code!(
    EDG001,
    Error,
    "an edge without routes, or with one that leads nowhere",
    "An edge sends each request to the service whose route fits the beginning of its path. It needs at least one route, \
     and each route at least one service, named once."
);
code!(
    EDG002,
    Error,
    "a route's path that cannot be one",
    "A route begins with `/` and has neither a query nor dots that climb. `/api` and `/api/` are the same route."
);
code!(
    EDG003,
    Error,
    "a name that stands on the certificate twice",
    "`domain` is the first name on the certificate, `also` holds the others; each once."
);
code!(
    EDG004,
    Error,
    "an allow-list that lets everybody in without an owner",
    "`0.0.0.0/0` and `::/0` are the whole internet. That may be meant; then somebody says so with their name: `owner`. \
     Otherwise list the blocks of those who connect."
);
code!(
    EDG005,
    Warning,
    "an allow-list whose review is due",
    "Addresses of others change without notice. On the day `review-by` somebody compares the list with what the others \
     publish today, and moves the day on."
);
code!(EDG006, Error, "a day that does not exist", "Days are written as year, month and day: `\"2027-01-31\"`.");
code!(
    EDG007,
    Error,
    "a limit that makes no sense",
    "Times and sizes of an edge are above zero; the header's time is at most an hour, the idle time at most a day."
);
code!(
    EDG008,
    Error,
    "ports of an edge that cannot be",
    "HTTPS and plain HTTP need different ports. Plain HTTP has a port only while it redirects."
);
code!(
    EDG009,
    Error,
    "a health check of a route that cannot be made",
    "A health check asks for a path and counts HTTP statuses from 100 to 599; its interval is above zero."
);
code!(
    EDG010,
    Warning,
    "an allow-list that says less than it seems to",
    "A list without `review-by` and `owner` is believed forever; a block inside another one of the list adds nothing; an \
     empty list lets everybody in who reaches the edge."
);
