#pragma once

namespace moln::edge_loop {

/// From here on the calling thread, and every thread that it starts, runs when no worker wants the
/// core. What it does beside the requests (changes and reports of many endpoints, compression) is
/// milliseconds of work, and a worker that wakes on the same core meanwhile is to run at once.
///
/// Its nice value rises by fifteen: on a core that is never idle a thirtieth of a worker's share is
/// left, enough for probes and for changes that come alone. And its slice is the longest there is:
/// who has a longer one is put aside for who wakes with a shorter (sched(7), Linux 6.12; older
/// kernels take no notice of it and go by the nice value alone).
void go_behind_workers();

}  // namespace moln::edge_loop
