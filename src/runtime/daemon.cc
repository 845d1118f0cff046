#include "runtime/daemon.h"

#include <utility>

#include <fmt/format.h>

namespace moln {
namespace {

constexpr std::size_t k_certificate_id_length = 6;

}  // namespace

// Between the leader and the agents messages travel as they will between nodes: later, in order,
// as values. Here the line is the loop's own queue.
Daemon::Daemon(DaemonParts parts, const NodeId& self, LeaderLoop::Planner planner)
    : parts_(parts),
      leader_(parts.loop, parts.store, parts.entropy, parts.host.certificates(), parts.host.acme(),
              self,
              {[this](std::shared_ptr<const node::Assignment> assignment) {
                   parts_.loop.after(Milliseconds{0},
                                     [this, assignment] { agent_.assign(assignment); });
               },
               [this](const EdgeSnapshot& snapshot) { parts_.edge.publish(snapshot); },
               [this] { tell_changed(); },
               [this](const Error& error) { parts_.host.leadership_lost(error); }},
              std::move(planner)),
      agent_(parts.loop, {parts.sandboxes, parts.volumes, parts.images, parts.host}, self,
             [this](const NodeReport& report) {
                 parts_.loop.after(Milliseconds{0},
                                   [this, report] { leader_.node_reported(report); });
             }) {
    parts_.edge.on_news([this, self](const EdgeNews& news) {
        edge_reports_.take(news);
        const auto sum = edge_reports_.sum();
        if (!sum && news.kind == EdgeNews::Kind::began) return;  // nothing was known before either
        leader_.edge_reported(self, sum ? &*sum : nullptr);
    });
}

void Daemon::tell(EventLevel level, const std::string& name, const std::string& text) {
    leader_.tell(level, name, text);
}

void Daemon::start() {
    agent_.start();
    leader_.start();
}

std::shared_ptr<void> Daemon::on_change(std::function<void()> callback) {
    const auto number = ++listeners_made_;
    listeners_.emplace(number, std::move(callback));
    return {nullptr, [this, number, alive = std::weak_ptr<bool>(alive_)](void*) {
                if (!alive.expired()) listeners_.erase(number);
            }};
}

void Daemon::tell_changed() {
    // A callback may drop its own or another's handle.
    std::vector<std::int64_t> numbers;
    for (const auto& [number, callback] : listeners_) numbers.push_back(number);
    for (const auto number : numbers) {
        const auto found = listeners_.find(number);
        if (found == listeners_.end()) continue;
        const auto callback = found->second;
        callback();
    }
}

void Daemon::execute(const Command& command, const Expected& expected,
                     const std::string& idempotency_key,
                     std::function<void(Result<CommandReply>)> done) {
    leader_.execute(command, expected, idempotency_key, std::move(done));
}

Result<std::vector<std::string>> Daemon::preview(const Command& command) {
    return leader_.preview(command);
}

// ---- images -----------------------------------------------------------------------------------

template <typename T>
void Daemon::run_image_job(std::function<Result<T>(const ImageProgress&)> make,
                           std::shared_ptr<std::atomic<bool>> cancelled,
                           std::function<void(std::string)> line,
                           std::function<void(Result<T>)> done) {
    if (image_jobs_ >= k_image_jobs_max) {
        parts_.loop.after(Milliseconds{0}, [done] {
            done(fail(ErrorCode::refused,
                      fmt::format("{} builds run already: try again when one is done",
                                  k_image_jobs_max)));
        });
        return;
    }
    ++image_jobs_;
    auto job = [make = std::move(make), cancelled, line = std::move(line), &loop = parts_.loop] {
        ImageProgress progress;
        progress.cancelled = cancelled.get();
        progress.line = [&loop, line](std::string text) {
            loop.post([line, text = std::move(text)] { line(text); });
        };
        return make(progress);
    };
    // The last line was posted before the job ended, so it comes before `done`.
    run_blocking<Result<T>>(parts_.loop, fmt::format("image/{}", ++image_jobs_made_),
                            std::move(job), [this, done = std::move(done)](Result<T> result) {
                                --image_jobs_;
                                done(std::move(result));
                            });
}

void Daemon::build(BuildRequest request, std::shared_ptr<std::atomic<bool>> cancelled,
                   std::function<void(std::string)> line,
                   std::function<void(Result<BuildResult>)> done) {
    run_image_job<BuildResult>(
        [&images = parts_.images, request = std::move(request)](const ImageProgress& progress) {
            return images.build(request, progress);
        },
        std::move(cancelled), std::move(line), std::move(done));
}

void Daemon::import_image(ImportRequest request, std::shared_ptr<std::atomic<bool>> cancelled,
                          std::function<void(std::string)> line,
                          std::function<void(Result<BuildResult>)> done) {
    run_image_job<BuildResult>(
        [&images = parts_.images, request = std::move(request)](const ImageProgress& progress) {
            return images.import(request, progress);
        },
        std::move(cancelled), std::move(line), std::move(done));
}

void Daemon::build_platform(std::string recipe, std::shared_ptr<std::atomic<bool>> cancelled,
                            std::function<void(std::string)> line,
                            std::function<void(Result<PlatformInfo>)> done) {
    run_image_job<PlatformInfo>(
        [&images = parts_.images, recipe = std::move(recipe)](const ImageProgress& progress) {
            return images.build_platform(recipe, progress);
        },
        std::move(cancelled), std::move(line), std::move(done));
}

void Daemon::platforms(std::function<void(Result<std::vector<PlatformInfo>>)> done) {
    run_blocking<Result<std::vector<PlatformInfo>>>(
        parts_.loop, "platforms", [&images = parts_.images] { return images.platforms(); },
        std::move(done));
}

// ---- the host's own services ------------------------------------------------------------------

Result<std::string> Daemon::seal(const AppId& app, const std::string& name, const Secret& value) {
    return parts_.host.seal(app, name, value);
}

Result<SetAcmeCommand> Daemon::take_acme(SetAcmeCommand command) {
    auto& certificates = parts_.host.certificates();
    if (command.ca_bundle && !command.ca_bundle->empty()) {
        if (auto good = certificates.check_ca_bundle(*command.ca_bundle); !good) {
            return fail_in("ca_bundle", good.error());
        }
    }
    MOLN_ASSIGN(command.sealed_key, certificates.make_account_key());
    return command;
}

Status Daemon::check_client_ca(const std::string& pem) {
    return parts_.host.certificates().check_ca_bundle(pem);
}

Result<Certificate> Daemon::take_certificate(const Secret& pem) {
    auto& certificates = parts_.host.certificates();
    MOLN_ASSIGN(auto found, certificates.inspect(pem, now().wall));
    auto certificate = std::move(found.certificate);
    for (const auto& [id, other] : world().certificates) {
        const bool same =
            other.source == CertificateSource::file && other.hosts == certificate.hosts;
        if (same) certificate.id = id;
    }
    while (certificate.id.empty()) {
        CertificateId id("cert-" + fresh_suffix(parts_.entropy, k_certificate_id_length));
        if (!world().certificates.contains(id)) certificate.id = std::move(id);
    }
    MOLN_ASSIGN(certificate.sealed_key, certificates.seal_key(certificate.id, found.key));
    return certificate;
}

Result<std::unique_ptr<Terminal>> Daemon::open_terminal(const TerminalRequest& request) {
    const auto instance = world().instances.find(request.instance);
    if (instance == world().instances.end()) {
        return fail(ErrorCode::not_found, fmt::format("instance {}: there is none; see `moln ps`",
                                                      request.instance.text));
    }
    const auto node = world().nodes.find(instance->second.node);
    const bool known =
        node != world().nodes.end() && node->second.instances.contains(request.instance);
    const auto phase =
        known ? node->second.instances.at(request.instance).phase : InstancePhase::absent;
    const bool runs = phase == InstancePhase::running || phase == InstancePhase::stopping;
    if (!runs && !request.attach) {
        return fail(ErrorCode::refused, fmt::format("instance {} does not run: it is {}",
                                                    request.instance.text, enum_word(phase)));
    }
    return parts_.host.open_terminal(instance->second, request);
}

std::shared_ptr<void> Daemon::logs(const LogQuery& query, std::function<void(LogLine)> line,
                                   std::function<void(Status)> end) {
    return parts_.host.logs(world(), query, std::move(line), std::move(end));
}

void Daemon::extract_trash(const TrashId& trash, const std::string& target,
                           std::function<void(Status)> done) {
    if (!world().trash.contains(trash)) {
        parts_.loop.after(Milliseconds{0}, [done, trash] {
            done(fail(ErrorCode::not_found,
                      fmt::format("nothing in the trash is called {}", trash.text)));
        });
        return;
    }
    // Under the key of the trash item: not while the agent moves or purges it.
    run_blocking<Status>(
        parts_.loop, "trash/" + trash.text,
        [&volumes = parts_.volumes, trash, target] { return volumes.extract(trash, target); },
        std::move(done));
}

void Daemon::edge_metrics(std::function<void(Result<std::string>)> done) {
    parts_.host.edge_metrics(std::move(done));
}

Result<EdgeUpgrade> Daemon::upgrade_edge(std::function<void(Status)> served) {
    return parts_.host.upgrade_edge(std::move(served));
}

void Daemon::edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) {
    parts_.host.edge_routes(std::move(done));
}

void Daemon::purge_cache(CachePurge purge, std::function<void(Status)> done) {
    parts_.host.purge_cache(std::move(purge), std::move(done));
}

Result<std::string> Daemon::new_upload() {
    return parts_.host.new_upload();
}

// Nothing of this is stored: the next `moln up` starts all that is wanted again.
void Daemon::shut_down(bool now) {
    const auto ending = now ? Ending::now : Ending::drained;
    if (ending_ && (*ending_ == Ending::now || ending == Ending::drained)) return;
    ending_ = ending;
    leader_.freeze();
    parts_.host.close_edge(
        ending, [this] { agent_.stop_all(*ending_, [this] { parts_.host.shut_down_done(); }); });
}

}  // namespace moln
