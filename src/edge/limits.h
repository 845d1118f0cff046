// Every named limit of the data plane. Each has a test at it and one past it, here or in
// tests/edge.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace moln::edge {

// Buffers. One per direction of a busy connection, none of an idle one.
inline constexpr std::size_t k_head_bytes_max = 32 * 1024;  // request or response head
// Of a request's body, as received, framing included: in its buffer, for sending it again.
inline constexpr std::size_t k_replay_memory_max = 64 * 1024;
inline constexpr std::size_t k_buffer_bytes = k_head_bytes_max + k_replay_memory_max;
inline constexpr std::size_t k_buffers_kept = 64;        // free ones of a quiet worker
inline constexpr std::size_t k_buffers_kept_max = 4096;  // free ones of a busy one
inline constexpr Milliseconds k_buffers_trim_pause = seconds(1);

// Clients.
inline constexpr std::uint32_t k_clients_max = 50'000;            // connections, per worker
inline constexpr Milliseconds k_client_head_limit = seconds(30);  // first to last byte of a head
inline constexpr Milliseconds k_client_idle_limit = seconds(75);  // between requests
inline constexpr Milliseconds k_client_stall_limit =
    seconds(60);  // no progress of a body, sent or read
// A client that has ended its side and waits is asked so much later whether it is still there.
inline constexpr Milliseconds k_client_look_pause = seconds(1);
// A tunnel of which one side has ended and nothing passes: a peer that never answers the end would
// keep a drain open for ever. Minutes, for the other side may still compute its last word.
inline constexpr Milliseconds k_tunnel_half_closed_limit = seconds(300);
inline constexpr std::uint64_t k_discard_body_max = 256 * 1024;  // unread request body drained
inline constexpr Milliseconds k_discard_limit = seconds(5);      // and for how long
inline constexpr int k_accept_batch = 64;                        // per readiness of a listener
inline constexpr Milliseconds k_accept_pause{50};                // after EMFILE and its kin
inline constexpr int k_listen_backlog = 4096;
inline constexpr Milliseconds k_listen_retry_pause = seconds(1);  // of a socket it cannot watch

// HTTP/2; what one connection may have is in http/h2/session.h and edge/frame_budget.h.
inline constexpr std::uint32_t k_h2_streams_max = 20'000;  // open ones, per worker
// Beyond it nothing more is read from a client that does not take what it has asked for.
inline constexpr std::size_t k_h2_unsent_bytes_max = 64 * 1024;
// Between the announcement that no more requests are taken and the last one: those on their way
// still come in (RFC 9113 6.8).
inline constexpr Milliseconds k_h2_shutdown_pause = seconds(1);

// DER of a client's certificate, which instances get in a field of the head.
inline constexpr std::size_t k_client_cert_bytes_max = 8 * 1024;

inline constexpr std::int64_t k_hsts_s_max = 4LL * 365 * 24 * 3600;  // no browser needs more

// Datagrams. A flow is a client's address and port; of forged ones there is no end.
inline constexpr std::size_t k_udp_flows_max = 10'000;  // per worker
// Until an instance has answered; afterwards as long as its route says.
inline constexpr Milliseconds k_udp_unanswered_idle = seconds(10);
// While its instance drains: a question and its answer need no more, and UDP has no end to wait
// for.
inline constexpr Milliseconds k_udp_draining_idle = seconds(5);

// Instances.
inline constexpr Milliseconds k_connect_limit = seconds(2);
inline constexpr std::size_t k_answer_timers_kept = 64;  // lists of those who wait, by duration
// Until the head of another edge's answer; then the next one is asked, or the app.
inline constexpr Milliseconds k_peer_answer_limit = seconds(8);
// Its body may stand still for so long: it is cut then, as if the edge had died.
inline constexpr Milliseconds k_peer_stall_limit = seconds(30);
// Below the 5 s of Node.js and of uvicorn: who closes first must be us.
inline constexpr Milliseconds k_upstream_idle_limit = seconds(4);
// A request that may not be repeated takes only a connection that was busy just now.
inline constexpr Milliseconds k_upstream_fresh_limit = seconds(1);
inline constexpr std::uint32_t k_upstream_idle_max = 1024;    // per endpoint and worker
inline constexpr std::uint32_t k_attempts_max = 4;            // of one request
inline constexpr std::uint32_t k_interim_responses_max = 16;  // 1xx before the final response

// Bodies that are kept past memory, of all requests at once. They shall stay in the page cache: far
// below the part of memory (vm.dirty_ratio, a fifth) past which the kernel makes a writer wait.
inline constexpr std::uint64_t k_replay_total_bytes_max = 1ull << 30;
inline constexpr std::uint64_t k_replay_memory_part = 16;  // at most this part of the machine's
inline constexpr std::uint64_t k_replay_free_part = 4;  // and this part of what the disk has free
inline constexpr std::uint32_t k_replay_files_max = 1024;  // a descriptor each

// Requests that the edge makes by itself.
inline constexpr std::size_t k_auth_body_max = 64 * 1024;  // of a 2xx, which nobody reads
inline constexpr std::uint32_t k_mirrors_open_max = 64;    // copies for canaries, per worker
inline constexpr Milliseconds k_mirror_limit = seconds(30);
// Nobody waits for a copy: an edge that stops does not for longer.
inline constexpr Milliseconds k_mirror_stop_limit = seconds(2);
inline constexpr std::size_t k_mirror_answer_max = 1u << 20;  // the rest is not read

// Requests that wait.
inline constexpr std::uint32_t k_hold_release_batch = 16;  // per endpoint and tick
inline constexpr Milliseconds k_tick{10};
// Nobody could be reached: the request waits this long for a new snapshot or a healthy endpoint.
inline constexpr Milliseconds k_unreachable_hold_limit = seconds(1);
inline constexpr Milliseconds k_unreachable_retry_pause{50};
inline constexpr std::uint32_t k_retry_after_s = 1;

// The cache.
inline constexpr std::size_t k_cache_segment_min = 1024;        // of a body of unknown length
inline constexpr std::size_t k_cache_segment_max = 256 * 1024;  // of any
inline constexpr std::size_t k_cache_bytes_default = 256u << 20;
// Who asks for what somebody has been fetching for so long waits for another fetch: that one may
// be silent for long. Who waits for one that is not his own waits for another then, once; nor does
// anybody begin to read what has not grown for so long.
inline constexpr Milliseconds k_cache_join_limit = seconds(10);
// Else who has waited for another's question to a silent peer would ask it himself.
static_assert(k_peer_answer_limit < k_cache_join_limit);
// The same for what is to be read from a disk.
inline constexpr Milliseconds k_cache_load_limit = seconds(3);
// A disk is waited for so long if nobody else can be asked for what is being sent: it is cut then,
// or, if nothing of it was, an error.
inline constexpr Milliseconds k_file_read_limit = seconds(30);
// An URL whose answer may not be kept: for so long its requests do not wait for one another.
inline constexpr Milliseconds k_cache_pass_time = seconds(10);
// The same for one that turned out to be longer than one may be.
inline constexpr Milliseconds k_cache_too_long_time = minutes(60);
// Answers that are kept compressed, too. A shorter one goes in one packet as it is; a longer one
// would keep the others waiting (10 MiB are 150 ms of a core).
inline constexpr std::uint64_t k_cache_compress_bytes_min = 1024;
inline constexpr std::uint64_t k_cache_compress_bytes_max = 10u << 20;
inline constexpr std::uint64_t k_cache_compress_gain_part = 10;  // less gained: not kept
inline constexpr std::size_t k_cache_compress_threads = 2;
// What waits to be compressed holds its memory; past either, a later hit asks again.
inline constexpr std::size_t k_cache_compress_waiting_max = 1024;
inline constexpr std::size_t k_cache_compress_waiting_bytes_max = 32u << 20;

// The cache's disk. A log of at most a thousand segments or so, the oldest of which is dropped.
inline constexpr std::uint64_t k_cache_disk_default = 10ull << 30;
// The log never has more than this part of what is free together with what it has itself.
inline constexpr std::uint64_t k_cache_disk_free_part = 2;
// What was dropped and is still being sent has at most this part of the log's limit beside it.
inline constexpr std::uint64_t k_cache_disk_held_part = 4;
inline constexpr std::uint64_t k_cache_disk_bytes_min = 8u << 20;  // below: no disk is used
inline constexpr std::uint64_t k_cache_disk_segment_min = 256u << 10;
inline constexpr std::uint64_t k_cache_disk_segment_wanted = 64u << 20;
inline constexpr std::uint64_t k_cache_disk_segment_max = 1u << 30;
inline constexpr std::uint64_t k_cache_disk_segments_wanted = 1000;
inline constexpr std::size_t k_cache_disk_segments_max = 2000;  // a crash leaves a short one
// Places in the index, 73 bytes each at most; past it the oldest segment goes.
inline constexpr std::size_t k_cache_disk_objects_max = 2u << 20;
// What waits to be written holds its memory; past it nothing more is taken for writing.
inline constexpr std::size_t k_cache_disk_writes_bytes_max = 32u << 20;
inline constexpr std::size_t k_cache_disk_reads_max = 1024;  // that wait; past it: not found
inline constexpr std::size_t k_cache_disk_readers = 2;       // threads
// Errors of reading; past it the disk is left alone until the edge is started again.
inline constexpr std::int64_t k_cache_disk_read_errors_max = 64;
// A full disk is tried again after so long.
inline constexpr Milliseconds k_cache_disk_full_pause = seconds(10);
// Who purges waits for so long until that is on the disk.
inline constexpr Milliseconds k_cache_disk_keep_limit = seconds(5);
// Files of sites that cannot be read: each worker says of one.
inline constexpr Milliseconds k_site_unreadable_pause = seconds(10);
inline constexpr std::size_t k_cache_disk_state_bytes_max = 8u << 20;
// An answer that will not be fresh for so long, and cannot be validated, is not worth a write.
inline constexpr Milliseconds k_cache_disk_life_min = seconds(10);
// A longer body is not checked by the worker that is asked for it, even if the kernel has it.
inline constexpr std::uint64_t k_cache_disk_inline_max = 1u << 20;
// As large an answer is written at once; a smaller one once it was asked for again.
inline constexpr std::uint64_t k_cache_disk_direct_min = 1u << 20;

// Snapshots and the control socket.
inline constexpr std::size_t k_snapshot_bytes_max = 16u << 20;  // of one line
inline constexpr std::size_t k_snapshot_apps_max = 100'000;
inline constexpr std::size_t k_snapshot_endpoints_max = 200'000;
// Workers swap in what was said in the meantime at most so often.
inline constexpr Milliseconds k_publish_pause{20};
// The last snapshot on disk; one that is longer is not read.
inline constexpr std::size_t k_saved_bytes_max = 512u << 20;
// A snapshot of less is written anew at each change. A longer one has a journal of its changes
// beside it, until that is as long.
inline constexpr std::size_t k_journal_from_bytes = 256u << 10;
inline constexpr std::size_t k_control_peers_max = 8;
// A new edge takes the place of another.
inline constexpr std::size_t k_handed_sockets_max = 16;         // of one line
inline constexpr Milliseconds k_take_over_limit = seconds(10);  // until all is handed over
// Until its flows have come, once it has left: datagrams wait meanwhile. One that has died is not
// waited for.
inline constexpr Milliseconds k_flows_limit = seconds(10);
inline constexpr std::size_t k_snapshot_challenges_max = 64;
inline constexpr std::size_t k_challenge_text_max = 512;  // of a token, and of what answers it

// Probes. While an instance starts, the pause after a probe that failed grows by an eighth from the
// first to the last: a fast app is found ready at once, a slow one is not worn out.
inline constexpr Milliseconds k_probe_warming_pause_first{8};
inline constexpr Milliseconds k_probe_warming_pause_max{100};
// A SYN that was lost (the instance's link just came up) is sent again by the kernel only after a
// second, then after two more: a fresh connection is sooner there.
inline constexpr Milliseconds k_probe_warming_connect_limit{200};
inline constexpr Milliseconds k_probe_interval_min{100};
inline constexpr std::size_t k_probe_head_bytes_max = 16 * 1024;
inline constexpr std::uint32_t k_probes_open_max = 512;

// Apps and instances with series in the metrics, of some kilobytes and hundred bytes each: their
// text goes over the control socket in one line.
inline constexpr std::size_t k_metrics_apps_max = 1'200;
inline constexpr std::size_t k_metrics_instances_max = 5'000;
// Routes that are counted for themselves; all others are counted together.
inline constexpr std::size_t k_route_slots_max = 1000;

// Reports and logs.
inline constexpr Milliseconds k_report_pause = seconds(1);
inline constexpr std::int64_t k_report_rest = 49;  // times what a report cost, before the next
inline constexpr Milliseconds k_log_flush_pause{50};
inline constexpr std::size_t k_log_ring_bytes = 256u << 10;  // per worker; full: lines are dropped
inline constexpr std::size_t k_log_line_max = 4096;
inline constexpr std::size_t k_log_text_max = 1024;  // of one field; longer ones are cut

// Spans and their export.
inline constexpr std::size_t k_span_line_max = 6 * 1024;      // one span, as JSON
inline constexpr std::uint32_t k_try_spans_max = 8;           // tries at instances, of a request
inline constexpr std::size_t k_span_ring_bytes = 256u << 10;  // per worker; full: they are dropped
inline constexpr std::uint32_t k_spans_per_second_default = 1000;  // of all workers
inline constexpr std::uint32_t k_spans_per_second_max = 100'000;
inline constexpr std::size_t k_span_batch_spans_max = 512;  // of one request to the collector
inline constexpr std::size_t k_span_batch_bytes_max = 512u << 10;
// What waits for the collector; past it the oldest are dropped.
inline constexpr std::size_t k_span_queue_bytes_max = 8u << 20;
inline constexpr Milliseconds k_span_batch_pause = seconds(1);  // from a span to its batch
inline constexpr Milliseconds k_export_limit = seconds(10);     // one request to the collector
inline constexpr Milliseconds k_export_retry_first = seconds(1);
inline constexpr Milliseconds k_export_retry_max = seconds(60);
inline constexpr Milliseconds k_export_retry_after_max = minutes(5);  // that a collector may ask
inline constexpr Milliseconds k_export_batch_limit = minutes(5);      // then a batch is given up
inline constexpr Milliseconds k_export_end_limit = seconds(2);        // for what is left at the end
inline constexpr std::size_t k_collector_url_bytes_max = 2048;
inline constexpr std::size_t k_collector_fields_bytes_max = 16 * 1024;  // the headers' file
inline constexpr std::size_t k_collector_fields_max = 32;
inline constexpr std::size_t k_collector_answer_bytes_max = 64 * 1024;

}  // namespace moln::edge
