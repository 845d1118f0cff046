// `moln daemon`: the real parts put together, in the order in which they need one another.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/call.h"
#include "api/service.h"
#include "cli/streams.h"
#include "drivers/image/host_images.h"
#include "drivers/network/real_path_table.h"
#include "drivers/sandbox/paths.h"
#include "drivers/sandbox/real_one_shots.h"
#include "drivers/sandbox/real_sandboxes.h"
#include "drivers/volume/real_volumes.h"
#include "io/api/server.h"
#include "io/file/files.h"
#include "io/file/lock_file.h"
#include "io/host/asio_context.h"
#include "io/host/host_entropy.h"
#include "io/host/log.h"
#include "io/host/machine_lock.h"
#include "io/host/signals.h"
#include "main/cache_peers_option.h"
#include "main/housekeeping.h"
#include "main/real_host.h"
#include "main/roles.h"
#include "main/stream_sockets.h"
#include "runtime/daemon.h"
#include "runtime/kernel_paths.h"
#include "store/reserved_store.h"
#include "store/sqlite_store.h"

namespace moln {
namespace {

// Host uids of builds; instances' ranges begin above (App::uid_base).
constexpr std::int64_t k_build_uid_base = 900'000;

constexpr Milliseconds k_api_patience = seconds(3);

std::vector<std::uint16_t> ports_of(const std::vector<std::string>& listens) {
    std::vector<std::uint16_t> ports;
    for (const auto& listen : listens) {
        const auto colon = listen.rfind(':');
        std::uint16_t port = 0;
        if (colon != std::string::npos) {
            std::from_chars(listen.data() + colon + 1, listen.data() + listen.size(), port);
        }
        if (port != 0) ports.push_back(port);
    }
    return ports;
}

// Lies beside the program that runs.
Result<std::string> init_program() {
    const auto own = own_program();
    auto path = own.substr(0, own.rfind('/') + 1) + "moln-init";
    if (::access(path.c_str(), X_OK) == 0) return path;
    return fail(ErrorCode::not_found,
                path + " is missing: it is built and installed together with moln");
}

class Node {
public:
    explicit Node(const NodeOptions& options)
        : options_(options), keeper_(loop_, links_, options, [this](const EdgeTold& told) {
              daemon_->tell(told.level, told.name, told.text);
          }) {}

    // An error here means that the node will not start like this: the user must act.
    Status set_up() {
        const auto& data = options_.data;
        MOLN_TRY(make_sandbox_host());
        MOLN_ASSIGN(auto machine, lock_machine(k_run_folder, data.root, [this] {
                        return sandbox_host_->cgroups.has_members();
                    }));
        machine_lock_.emplace(std::move(machine));
        for (const auto& directory : {data.root, data.root + "/store", data.run()}) {
            MOLN_TRY(make_folders(directory, 0700));
        }
        if (::chmod(data.root.c_str(), 0700) != 0) {
            return fail(error_from_errno(errno, "chmod " + data.root));
        }
        MOLN_ASSIGN(auto lock, lock_file(data.lock_file(), "the data directory " + data.root));
        data_lock_.emplace(std::move(lock));
        MOLN_ASSIGN(auto store, open_sqlite_store(data.store_file()));
        store_ = with_reserve(std::move(store), data.store_reserve());
        keep_out_of_core_files();
        MOLN_ASSIGN(auto seals, SealBox::open(data.seal_key_file()));
        seals_.emplace(std::move(seals));
        cache_peers_.emplace(options_.cache_peers, *seals_);
        MOLN_ASSIGN(auto cache_peers, cache_peers_->read());
        keeper_.set_cache_peers(std::move(cache_peers));
        MOLN_TRY(set_up_drivers());
        RealHostParts parts{.loop = loop_,
                            .data = data,
                            .seals = *seals_,
                            .sandboxes = *sandbox_host_,
                            .edge_link = links_,
                            .edge_keeper = keeper_,
                            .paths = *paths_,
                            .entropy = entropy_,
                            .end = [this](int code) { end(code); }};
        host_.emplace(std::move(parts));
        daemon_.emplace(DaemonParts{loop_, *store_, *sandboxes_, *volumes_, *images_, *paths_,
                                    entropy_, *host_},
                        NodeId(options_.node));
        service_ = api::make_service(*daemon_, loop_,
                                     {.version = MOLN_VERSION, .started = loop_.now().mono});
        return check_api();
    }

    int run() {
        StopSignals signals(loop_, [this](int number) { take_signal(number); });
        const auto listener = daemon_->on_change([this] { note_edge(); });
        daemon_->start();
        housekeeping_->start();
        // Whoever finds the API finds a node that takes commands; one that has trouble to begin
        // can at least be asked for its status.
        loop_.after(k_api_patience, [this] { start_api(); });
        if (!options_.cache_peers.empty()) look_at_cache_peers();
        if (const auto started = keeper_.start([this](const Error& error) { cannot(error); });
            !started) {
            exit_code_ = say(started.error());
        } else {
            loop_.run();
        }
        loop_.end_jobs();  // they work with what is destroyed now
        return exit_code_;
    }

    int say(const Error& error) const {
        cli::say(fmt::format("moln: {}\n", error.reason));
        return k_exit_cannot;
    }

private:
    Status make_sandbox_host() {
        SandboxOptions sandbox{.data = options_.data};
        sandbox.firewall.base = options_.network;
        for (const auto* listens : {&options_.listens, &options_.tls_listens}) {
            std::ranges::copy(ports_of(*listens), std::back_inserter(sandbox.firewall.edge_ports));
        }
        MOLN_ASSIGN(sandbox.init_program, init_program());
        sandbox_host_ = std::make_unique<SandboxHost>(std::move(sandbox));
        return {};
    }

    Status set_up_drivers() {
        const auto& data = options_.data;
        MOLN_TRY(sandbox_host_->set_up());
        sandboxes_.emplace(*sandbox_host_);
        one_shots_.emplace(*sandbox_host_);
        path_table_.emplace(sandbox_host_->networks, options_.network,
                            [this] { return loop_.now().wall; });
        paths_.emplace(loop_, links_, *path_table_,
                       options_.streams_in_edge ? "this node was told --streams-in-edge" : "");
        paths_->recover();
        volumes_.emplace(VolumeOptions{.data = data});
        HostImagesOptions images;
        images.caps.uid_base = k_build_uid_base;
        images.platform_recipes = options_.platforms;
        images.wall_now = [this] { return loop_.now().wall; };
        images.build_settings = [file = options_.build_env]() -> Result<BuildSettings> {
            MOLN_ASSIGN(const auto host, read_host_settings(file));
            return build_settings(host);
        };
        images_.emplace(data, *one_shots_, std::move(images));
        HousekeepingCalls calls;
        calls.live = [this] {
            std::set<std::string> live;
            for (const auto& [id, instance] : daemon_->world().instances) live.insert(id.text);
            return live;
        };
        calls.reopen_access_log = [this] { keeper_.reopen_access_log(); };
        housekeeping_.emplace(loop_, data, *sandboxes_, std::move(calls));
        return {};
    }

    io::ApiServerOptions api_options() const {
        const auto& data = options_.data;
        io::ApiServerOptions server;
        server.unix_socket = data.api_socket();
        server.tcp_listen = options_.api_listen;
        if (!options_.api_listen.empty()) server.token_file = data.root + "/api.token";
        return server;
    }

    // What is wrong with the options is said before anything has begun.
    Status check_api() {
        const auto server = api_options();
        if (!server.token_file.empty() && !read_file(server.token_file, 4096)) {
            MOLN_TRY(write_file(server.token_file, fresh_suffix(entropy_, 40) + "\n", 0600,
                                Durability::durable));
        }
        MOLN_ASSIGN(auto trial,
                    io::start_api_server(asio_context(loop_), loop_, *service_, server));
        trial.reset();
        return {};
    }

    // What cannot be used is told once for each change, and the peers of before stay.
    void look_at_cache_peers() {
        loop_.after(k_cache_peers_look_pause, [this] { look_at_cache_peers(); });
        if (!cache_peers_->has_changed()) return;
        auto line = cache_peers_->read();
        if (!line) {
            log_failure("cache_peers.not_read", line.error());
            daemon_->tell(
                EventLevel::warning, "cache_peers.not_read",
                fmt::format("the cache's peers stay as they were: {}", line.error().reason));
            return;
        }
        keeper_.set_cache_peers(std::move(*line));
        daemon_->tell(EventLevel::info, "cache_peers.read",
                      fmt::format("{} has changed; the edge has been told", options_.cache_peers));
    }

    void start_api() {
        if (server_) return;
        auto started = io::start_api_server(asio_context(loop_), loop_, *service_, api_options());
        if (!started) return cannot(started.error());
        server_ = std::move(*started);
    }

    // The edge's first report says where it listens: then the node is ready.
    void note_edge() {
        if (daemon_->world().leading) start_api();
        const auto found = daemon_->world().edges.find(NodeId(options_.node));
        if (found == daemon_->world().edges.end() || !found->second.connected) return;
        const auto& listens = found->second.report.listens;
        keeper_.heard(found->second.report);
        stream_sockets_.serve(found->second.report, found->second.received);
        if (options_.ready_fd < 0 || !daemon_->world().leading) return;
        std::vector<std::string> urls;
        for (const auto& listen : listens) urls.push_back("http://" + listen);
        for (const auto& listen : found->second.report.tls_listens) {
            urls.push_back("https://" + listen);
        }
        const auto line = fmt::format("{}\n", fmt::join(urls, "  "));
        (void)!::write(options_.ready_fd, line.data(), line.size());
        ::close(options_.ready_fd);
        options_.ready_fd = -1;
    }

    void take_signal(int number) {
        if (number == SIGTERM) {
            log_info("daemon.stopped", {{"instances", "serve on"}});
            return end(k_exit_left);
        }
        if (number == SIGUSR2) {
            if (const auto begun = keeper_.upgrade("by signal"); !begun) {
                log_failure("edge.upgrade_not_begun", begun.error());
            }
            return;
        }
        daemon_->shut_down(interrupts_++ > 0);
    }

    void cannot(const Error& error) { end(say(error)); }

    void end(int code) {
        exit_code_ = code;
        loop_.stop();
    }

    NodeOptions options_;
    HostLoop loop_;
    HostEntropy entropy_;
    std::optional<FileLock> machine_lock_;
    std::optional<FileLock> data_lock_;
    std::unique_ptr<Store> store_;
    std::optional<SealBox> seals_;
    std::optional<CachePeersOption> cache_peers_;
    EdgeLinks links_{loop_};
    EdgeKeeper keeper_;
    StreamSockets stream_sockets_{links_};
    std::unique_ptr<SandboxHost> sandbox_host_;
    std::optional<RealPathTable> path_table_;
    std::optional<KernelPaths> paths_;
    std::optional<RealSandboxes> sandboxes_;
    std::optional<RealOneShots> one_shots_;
    std::optional<RealVolumes> volumes_;
    std::optional<HostImages> images_;
    std::optional<RealHost> host_;
    std::optional<Daemon> daemon_;
    std::optional<Housekeeping> housekeeping_;
    std::unique_ptr<ApiService> service_;
    std::unique_ptr<io::ApiServer> server_;
    int interrupts_ = 0;
    int exit_code_ = k_exit_shut_down;
};

}  // namespace

int run_daemon(const NodeOptions& options) {
    set_log(options.verbose ? LogLevel::info : LogLevel::warning,
            options.log_json ? LogFormat::json : LogFormat::logfmt);
    if (options.ready_fd >= 0) ::fcntl(options.ready_fd, F_SETFD, FD_CLOEXEC);
    Node node(options);
    if (const auto ready = node.set_up(); !ready) return node.say(ready.error());
    return node.run();
}

}  // namespace moln
