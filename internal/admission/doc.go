// Package admission decides which requests run now, which wait a moment, and which are
// refused, so that those that are admitted stay fast when there are too many.
//
// # How it decides
//
// A [Limiter] lets a number of requests run at once. It finds that number by comparing how
// long requests take with how long they take alone (Costs remembers that): where they take
// more than one and a half times as long, they only wait for each other, and fewer may run. This is the
// gradient of Netflix's concurrency limits: by Little's law, the limit follows one and a half times the
// work that gets done at once. It works for requests that compute and for those that wait for
// something else, and needs no setting.
//
// Others wait in line: those of the highest [Priority] go first, and among these those that
// came first. The line is as long as what waits can be done within 100 ms, or the time
// of 16 requests. A line that outgrows this is an overload, until hardly any are refused for
// a fifth of a second. Meanwhile the line is as short as 2 ms or the time of two requests, the newest
// go first, and who has waited longer is refused (CoDel's target with adaptive LIFO, after
// Maurer, "Fail at Scale", ACM Queue 2015). So the line holds no request whose caller has
// given up, and most refusals come at once.
//
// In an overload, each [Flow] gets its share: a request of the flow for which least was done lately
// goes first, and takes the place in line of one of a flow for which much more was.
//
// Where there is no room, a request of a higher priority takes the place of one in line of
// the lowest. A request whose deadline would pass before its end is refused, and one whose
// caller leaves is dropped.
//
// A [Quota] bounds what one caller may ask for, in requests and rows a second.
//
// # What it costs
//
// Entering and leaving allocate nothing and take one lock each.
package admission
