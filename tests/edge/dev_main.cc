// run_edge behind plain options, for the conversation tests and the benchmark: what `moln edge`
// does, without the rest of moln.
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <iterator>
#include <string>

#include "io/host/seal.h"
#include "io/tls/shared_key.h"
#include "model/cache_peering.h"
#include "model/edge.h"
#include "runtime/edge/edge_main.h"

// Every allocation of the program and its libraries is counted and the sum told at the end: a
// proxied request is to need none. Those of the first thread are not: it is the control thread,
// whose reports come with the time. Nor any under sanitizers, which have a malloc of their own.
namespace {
std::atomic<long> allocations = 0;
thread_local bool is_first_thread = false;
}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {
void count_allocation() {
    if (!is_first_thread) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* memory, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) {
    count_allocation();
    return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
    count_allocation();
    return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
    count_allocation();
    return __libc_realloc(memory, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
    count_allocation();
    return __libc_memalign(alignment, bytes);
}
}
#endif

namespace {

// As the daemon seals a private key: standard input, to be opened as that certificate's.
int seal(const std::string& key_path, const std::string& certificate) {
    const auto box = moln::SealBox::open(key_path);
    if (!box) return 2;
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    std::cout << box->for_purpose(moln::k_seal_certificates)
                     .seal(moln::Secret(text),
                           moln::seal_context(moln::CertificateId(certificate)));
    return 0;
}

// Standard input is the key that the cache's peers share.
int seal_peer_key(const std::string& key_path) {
    const std::string text((std::istreambuf_iterator<char>(std::cin)), {});
    const auto box = moln::SealBox::open(key_path);
    if (!box) return 2;
    std::cout << box->for_purpose(moln::k_seal_certificates)
                     .seal(moln::Secret(text), moln::k_cache_peering_context);
    return 0;
}

// A fresh key of session tickets, made so many milliseconds ago, sealed as the daemon does it.
int seal_ticket_key(const std::string& key_path, const std::string& id, const std::string& age_ms) {
    const auto box = moln::SealBox::open(key_path);
    if (!box) return 2;
    const std::int64_t now_ms = std::int64_t{std::time(nullptr)} * 1000;
    const auto key = moln::tls::fresh_shared_key({now_ms - std::stoll(age_ms)});
    if (!key) return 2;
    std::cout << box->for_purpose(moln::k_seal_certificates)
                     .seal(moln::tls::pack(*key), moln::ticket_context(id));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    is_first_thread = true;
    if (argc == 4 && std::string(argv[1]) == "seal") return seal(argv[2], argv[3]);
    if (argc == 3 && std::string(argv[1]) == "seal-peer-key") return seal_peer_key(argv[2]);
    if (argc == 5 && std::string(argv[1]) == "seal-ticket-key") {
        return seal_ticket_key(argv[2], argv[3], argv[4]);
    }
    moln::EdgeOptions options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        const std::string value = argv[i + 1];
        if (name == "--listen") options.listens.push_back(value);
        if (name == "--listen-tls") options.tls_listens.push_back(value);
        if (name == "--seal-key") options.seal_key = value;
        if (name == "--control") options.control_socket = value;
        if (name == "--take-over") options.take_over = value;
        if (name == "--drain-limit-ms") options.drain_limit = {std::stoll(value)};
        if (name == "--state") options.state_dir = value;
        if (name == "--sites") options.sites_dir = value;
        if (name == "--access-log") options.access_log = value;
        if (name == "--access-log-format" && value == "combined") {
            options.access_log_format = moln::AccessLogFormat::combined;
        }
        if (name == "--otlp") options.traces.url = value;
        if (name == "--otlp-sample") options.traces.sample = std::stod(value);
        if (name == "--otlp-spans-max") {
            options.traces.spans_per_second = static_cast<std::uint32_t>(std::stoul(value));
        }
        if (name == "--otlp-headers-file") options.traces.headers_file = value;
        if (name == "--otlp-ca") options.traces.ca_file = value;
        if (name == "--metrics") options.metrics_listen = value;
        if (name == "--threads") options.threads = std::stoi(value);
        if (name == "--cache-bytes") options.cache_bytes = std::stoul(value);
        if (name == "--cache-disk") options.cache_disk = value;
        if (name == "--cache-disk-bytes") options.cache_disk_bytes = std::stoull(value);
        if (name == "--uid") options.uid = static_cast<uid_t>(std::stoul(value));
        if (name == "--gid") options.gid = static_cast<gid_t>(std::stoul(value));
        if (name == "--clients-max") {
            options.limits.clients_max = static_cast<std::uint32_t>(std::stoul(value));
        }
        if (name == "--streams-max") {
            options.limits.streams_max = static_cast<std::uint32_t>(std::stoul(value));
        }
        if (name == "--flows-max") options.limits.flows_max = std::stoul(value);
        if (name == "--head-ms") options.limits.head = {std::stoll(value)};
        if (name == "--idle-ms") options.limits.idle = {std::stoll(value)};
        if (name == "--stall-ms") options.limits.stall = {std::stoll(value)};
        if (name == "--half-closed-ms") options.limits.half_closed = {std::stoll(value)};
        if (name == "--upstream-idle-ms") options.limits.upstream_idle = {std::stoll(value)};
        if (name == "--h2-shutdown-ms") options.limits.h2_shutdown = {std::stoll(value)};
        if (name == "--seccomp" && value == "off") options.seccomp = moln::EdgeSeccomp::off;
    }
    if (options.control_socket.empty() || options.state_dir.empty()) {
        std::cerr << "usage: moln_edge_dev --listen IP:PORT --control PATH --state DIR "
                     "[--access-log PATH] [--metrics IP:PORT] [--threads N] [--uid N] [--gid N] "
                     "[--seccomp off]\n";
        return 2;
    }
    const int code = moln::run_edge(options);
    std::cerr << "allocations=" << allocations.load() << "\n";
    return code;
}
