#include "edge/metrics_text.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "edge/histogram.h"
#include "edge/limits.h"

namespace moln::edge {
namespace {

using Out = std::back_insert_iterator<std::string>;

void declare(Out out, std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void single(Out out, std::string_view name, std::string_view type, std::string_view help,
            std::int64_t value) {
    declare(out, name, type, help);
    fmt::format_to(out, "{} {}\n", name, value);
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
    return out;
}

void write_totals(Out out, const EdgeTotals& totals) {
    single(out, "moln_edge_clients_open", "gauge", "Client connections open.", totals.clients_open);
    single(out, "moln_edge_streams_open", "gauge",
           "Streams open; of TCP they count as clients too.", totals.streams_open);
    single(out, "moln_edge_replay_bytes", "gauge",
           "Bytes of request bodies kept on the disk for sending them again.", totals.replay_bytes);
    const struct {
        std::string_view name, help;
        std::int64_t value;
    } counters[] = {
        {"moln_edge_clients_total", "Client connections accepted.", totals.clients_total},
        {"moln_edge_clients_refused_total", "Client connections over the limit.",
         totals.clients_refused_total},
        {"moln_edge_accept_failures_total",
         "Accepts that failed for want of a descriptor or memory.", totals.accept_failures_total},
        {"moln_edge_tls_handshakes_total", "TLS handshakes done.", totals.tls_handshakes_total},
        {"moln_edge_tls_resumptions_total", "TLS handshakes that a session ticket shortened.",
         totals.tls_resumptions_total},
        {"moln_edge_tls_handshake_failures_total", "TLS handshakes that failed.",
         totals.tls_handshake_failures_total},
        {"moln_edge_http2_streams_total", "Requests that came over HTTP/2.",
         totals.http2_streams_total},
        {"moln_edge_http2_streams_refused_total",
         "HTTP/2 streams refused because as many were open as may be.",
         totals.http2_streams_refused_total},
        {"moln_edge_http2_floods_total",
         "HTTP/2 connections closed for frames that served no request.", totals.http2_floods_total},
        {"moln_edge_bad_requests_total", "Requests refused by the parser.",
         totals.bad_requests_total},
        {"moln_edge_unrouted_total", "Requests that matched no route.", totals.unrouted_total},
        {"moln_edge_rate_limited_total", "Requests over a limit of their route.",
         totals.rate_limited_total},
        {"moln_edge_retries_total", "Attempts after the first.", totals.retries_total},
        {"moln_cache_peer_fetches_total", "Fetches that asked another edge.",
         totals.cache_peer_fetches_total},
        {"moln_cache_peer_failures_total", "Of them: it could not be asked.",
         totals.cache_peer_failures_total},
        {"moln_cache_peer_questions_total", "Fetches of other edges that were answered here.",
         totals.cache_peer_questions_total},
        {"moln_edge_replay_files_total", "Request bodies kept past memory.",
         totals.replay_files_total},
        {"moln_edge_replay_refused_total",
         "Request bodies that were not kept for want of room for all of them.",
         totals.replay_refused_total},
        {"moln_edge_ejections_total", "Endpoints left alone after failures.",
         totals.ejections_total},
        {"moln_edge_panic_requests_total",
         "Requests sent to instances whose probes come late, as no other was healthy.",
         totals.panic_requests_total},
        {"moln_edge_upstream_connects_total", "Connections to instances begun.",
         totals.upstream_connects_total},
        {"moln_edge_upstream_connect_failures_total", "Connections to instances that failed.",
         totals.upstream_connect_failures_total},
        {"moln_edge_answer_timeouts_total",
         "Requests that an instance took and did not begin to answer in time.",
         totals.answer_timeouts_total},
        {"moln_edge_bytes_in_total", "Bytes of request bodies received.", totals.bytes_in_total},
        {"moln_edge_bytes_out_total", "Bytes of response bodies sent.", totals.bytes_out_total},
        {"moln_edge_streams_total", "TCP connections and UDP flows of stream routes.",
         totals.streams_total},
        {"moln_edge_streams_failed_total", "Streams that no instance took or that it broke off.",
         totals.streams_failed_total},
        {"moln_edge_stream_bytes_in_total", "Bytes of streams received from clients.",
         totals.stream_bytes_in_total},
        {"moln_edge_stream_bytes_out_total", "Bytes of streams received from instances.",
         totals.stream_bytes_out_total},
        {"moln_edge_log_lines_dropped_total", "Access log lines dropped.",
         totals.log_lines_dropped_total},
        {"moln_edge_spans_total", "Spans made of requests.", totals.spans_total},
        {"moln_edge_spans_exported_total", "Spans that the collector took.",
         totals.spans_exported_total},
        {"moln_edge_spans_dropped_total",
         "Spans that the collector refused or did not take in time.", totals.spans_dropped_total},
        {"moln_edge_spans_over_limit_total",
         "Sampled requests without a span, as the second had had all that it may.",
         totals.spans_over_limit_total},
        {"moln_edge_span_export_failures_total", "Requests to the collector that came to nothing.",
         totals.span_export_failures_total},
    };
    for (const auto& counter : counters) {
        single(out, counter.name, "counter", counter.help, counter.value);
    }
}

void write_latency(Out out, std::string_view name, const std::vector<std::int64_t>& counts,
                   std::string_view labels) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        sum += counts[i];
        const std::string bound =
            i + 1 < k_latency_buckets
                ? fmt::format("{}", static_cast<double>(k_latency_bounds_us[i]) / 1e6)
                : "+Inf";
        fmt::format_to(out, "{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound, sum);
    }
    fmt::format_to(out, "{}_count{{{}}} {}\n", name, labels, sum);
}

std::string labels_of(const EdgeAppReport& app) {
    return fmt::format("app=\"{}\",process=\"{}\"", escaped(app.app.text), escaped(app.process));
}

void write_apps(Out out, std::span<const EdgeAppReport> apps) {
    declare(out, "moln_app_requests_total", "counter", "Requests finished.");
    for (const auto& app : apps) {
        fmt::format_to(out, "moln_app_requests_total{{{}}} {}\n", labels_of(app),
                       app.requests_total);
    }
    declare(out, "moln_app_errors_total", "counter", "5xx and broken responses.");
    for (const auto& app : apps) {
        fmt::format_to(out, "moln_app_errors_total{{{}}} {}\n", labels_of(app), app.errors_total);
    }
    declare(out, "moln_app_requests_held", "gauge", "Requests that wait for an instance.");
    for (const auto& app : apps) {
        fmt::format_to(out, "moln_app_requests_held{{{}}} {}\n", labels_of(app), app.held);
    }
    declare(out, "moln_app_requests_queued_total", "counter", "Requests that had to wait.");
    for (const auto& app : apps) {
        fmt::format_to(out, "moln_app_requests_queued_total{{{}}} {}\n", labels_of(app),
                       app.held_total);
    }
    declare(out, "moln_app_queue_seconds_total", "counter", "Time that requests waited.");
    for (const auto& app : apps) {
        fmt::format_to(out, "moln_app_queue_seconds_total{{{}}} {}\n", labels_of(app),
                       static_cast<double>(app.queue_us_total) / 1e6);
    }
    declare(out, "moln_app_latency_seconds", "histogram", "Head received to response sent.");
    for (const auto& app : apps) {
        write_latency(out, "moln_app_latency_seconds", app.latency_counts, labels_of(app));
    }
}

void write_mirrors(Out out, std::span<const MirrorTotals> mirrors) {
    const struct {
        std::string_view name, help;
        std::int64_t MirrorTotals::* value;
    } columns[] = {
        {"moln_app_mirrors_total", "Copies of requests that the canary got.",
         &MirrorTotals::mirrors_total},
        {"moln_app_mirror_errors_total", "Of these, answered with 5xx or not at all.",
         &MirrorTotals::errors_total},
        {"moln_app_mirrors_dropped_total", "Copies not made for want of a place or memory.",
         &MirrorTotals::dropped_total},
    };
    for (const auto& column : columns) {
        declare(out, column.name, "counter", column.help);
        for (const auto& one : mirrors) {
            if (one.mirrors_total + one.dropped_total == 0) continue;
            fmt::format_to(out, "{}{{app=\"{}\",process=\"{}\"}} {}\n", column.name,
                           escaped(one.app.text), escaped(one.process), one.*column.value);
        }
    }
}

std::string labels_of(const EdgeRouteReport& route) {
    if (route.host.empty()) return "host=\"other\",path=\"\"";
    return fmt::format("host=\"{}\",path=\"{}\"", escaped(route.host), escaped(route.path));
}

void write_routes(Out out, const std::vector<EdgeRouteReport>& routes) {
    const struct {
        std::string_view name, help;
        std::int64_t EdgeRouteReport::* value;
    } columns[] = {
        {"moln_route_requests_total", "Requests finished.", &EdgeRouteReport::requests_total},
        {"moln_route_errors_total", "5xx and broken responses.", &EdgeRouteReport::errors_total},
        {"moln_route_cache_hits_total", "Requests answered from the cache.",
         &EdgeRouteReport::cache_hits_total},
        {"moln_route_cache_misses_total", "Requests fetched for the cache.",
         &EdgeRouteReport::cache_misses_total},
        {"moln_route_cache_passes_total", "Requests of routes with a cache that were not kept.",
         &EdgeRouteReport::cache_passes_total},
        {"moln_route_bytes_in_total", "Bytes of request bodies.", &EdgeRouteReport::bytes_in_total},
        {"moln_route_bytes_out_total", "Bytes of response bodies.",
         &EdgeRouteReport::bytes_out_total},
    };
    for (const auto& column : columns) {
        declare(out, column.name, "counter", column.help);
        for (const auto& route : routes) {
            fmt::format_to(out, "{}{{{}}} {}\n", column.name, labels_of(route),
                           route.*column.value);
        }
    }
    declare(out, "moln_route_latency_seconds", "histogram", "Head received to response sent.");
    for (const auto& route : routes) {
        write_latency(out, "moln_route_latency_seconds", route.latency_counts, labels_of(route));
    }
}

void write_endpoints(Out out, std::span<const EndpointReport> endpoints) {
    declare(out, "moln_instance_healthy", "gauge", "1 healthy, 0 unhealthy, absent unknown.");
    for (const auto& endpoint : endpoints) {
        if (endpoint.health == EndpointHealth::unknown) continue;
        fmt::format_to(out, "moln_instance_healthy{{instance=\"{}\"}} {}\n",
                       escaped(endpoint.instance.text),
                       endpoint.health == EndpointHealth::healthy ? 1 : 0);
    }
    const struct {
        std::string_view name, type, help;
        std::int64_t EndpointReport::* value;
    } columns[] = {
        {"moln_instance_requests_open", "gauge", "Requests begun and not finished.",
         &EndpointReport::requests_open},
        {"moln_instance_tunnels_open", "gauge", "Upgraded connections.",
         &EndpointReport::tunnels_open},
        {"moln_instance_requests_total", "counter", "Requests finished.",
         &EndpointReport::requests_total},
        {"moln_instance_errors_total", "counter", "5xx and broken responses.",
         &EndpointReport::errors_total},
    };
    for (const auto& column : columns) {
        declare(out, column.name, column.type, column.help);
        for (const auto& endpoint : endpoints) {
            fmt::format_to(out, "{}{{instance=\"{}\"}} {}\n", column.name,
                           escaped(endpoint.instance.text), endpoint.*column.value);
        }
    }
}

void write_cache(Out out, const EdgeCacheReport& cache) {
    const struct {
        std::string_view name, type, help;
        std::int64_t value;
    } rows[] = {
        {"moln_cache_objects", "gauge", "Answers kept in memory.", cache.objects},
        {"moln_cache_bytes", "gauge", "Memory that they take.", cache.size.count},
        {"moln_cache_bytes_max", "gauge", "Memory that they may take.", cache.size_max.count},
        {"moln_cache_hits_total", "counter", "Requests answered from the cache.", cache.hits_total},
        {"moln_cache_stale_hits_total", "counter", "Of these, with what was stale.",
         cache.stale_hits_total},
        {"moln_cache_misses_total", "counter", "Requests that began a fetch.", cache.misses_total},
        {"moln_cache_collapsed_total", "counter", "Requests that waited for another's fetch.",
         cache.collapsed_total},
        {"moln_cache_passes_total", "counter", "Requests that went to the app and were not kept.",
         cache.passes_total},
        {"moln_cache_revalidations_total", "counter", "Answers validated with a 304.",
         cache.revalidations_total},
        {"moln_cache_fetch_failures_total", "counter", "Fetches that came to nothing.",
         cache.fetch_failures_total},
        {"moln_cache_evictions_total", "counter", "Answers that left memory for others.",
         cache.evictions_total},
        {"moln_cache_purges_total", "counter", "Purges.", cache.purges_total},
        {"moln_cache_compressed_total", "counter", "Answers given compressed.", cache.coded_total},
        {"moln_cache_compressed_saved_bytes_total", "counter", "Bytes that they were smaller by.",
         cache.coded_saved.count},
        {"moln_cache_codings_total", "counter", "Compressed forms made, once for each coding.",
         cache.codings_total},
        {"moln_cache_disk_objects", "gauge", "Answers kept on the disk.", cache.disk_objects},
        {"moln_cache_disk_bytes", "gauge", "Disk that they take.", cache.disk_size.count},
        {"moln_cache_disk_bytes_max", "gauge", "Disk that they may take; 0: none is used.",
         cache.disk_size_max.count},
        {"moln_cache_disk_hits_total", "counter", "Answers read from the disk.",
         cache.disk_hits_total},
        {"moln_cache_disk_writes_total", "counter", "Answers written to the disk.",
         cache.disk_writes_total},
        {"moln_cache_disk_drops_total", "counter",
         "Answers that left the disk for others, or could not be written.", cache.disk_drops_total},
        {"moln_cache_disk_errors_total", "counter",
         "Errors of the disk, and answers that were not as they were written.",
         cache.disk_errors_total},
    };
    for (const auto& row : rows) single(out, row.name, row.type, row.help, row.value);
}

template <typename T>
std::span<const T> at_most(const std::vector<T>& list, std::size_t max) {
    return std::span(list).first(std::min(list.size(), max));
}

}  // namespace

std::string metrics_text(const EdgeReport& report, const EdgeTotals& totals,
                         const MetricParts& parts) {
    std::string text;
    Out out(text);
    single(out, "moln_edge_snapshot_version", "gauge", "Version of the snapshot in use.",
           report.acked_version);
    write_totals(out, totals);
    write_cache(out, report.cache);
    const auto apps = at_most(report.apps, k_metrics_apps_max);
    const auto endpoints = at_most(report.endpoints, k_metrics_instances_max);
    single(out, "moln_edge_series_left_out", "gauge",
           "Apps and instances that have no series here: there are too many.",
           static_cast<std::int64_t>(report.apps.size() - apps.size() + report.endpoints.size() -
                                     endpoints.size()));
    write_apps(out, apps);
    write_mirrors(out, at_most(parts.mirrors, k_metrics_apps_max));
    write_routes(out, parts.routes);
    write_endpoints(out, endpoints);
    return text;
}

}  // namespace moln::edge
