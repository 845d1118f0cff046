#include "tests/api/fake_control.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace moln {
namespace {

constexpr WallTime k_created = {1'000'000};

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

class FakeTerminal final : public Terminal {
public:
    explicit FakeTerminal(std::shared_ptr<FakeTerminalState> state) : state_(std::move(state)) {}
    ~FakeTerminal() override { state_->closed = true; }
    FakeTerminal(const FakeTerminal&) = delete;
    FakeTerminal& operator=(const FakeTerminal&) = delete;
    void write(std::string bytes) override {
        state_->input_ended = state_->input_ended || bytes.empty();
        state_->input += bytes;
    }
    void resize(int columns, int rows) override { state_->sizes.emplace_back(columns, rows); }
    std::size_t input_waiting() const override { return state_->input_waiting; }
    void on_input_taken(std::function<void()> callback) override {
        state_->input_taken = std::move(callback);
    }
    void on_output(std::function<void(OutputStream, std::string)> callback) override {
        state_->output = [callback](std::string bytes) {
            callback(OutputStream::out, std::move(bytes));
        };
        state_->errors = [callback = std::move(callback)](std::string bytes) {
            callback(OutputStream::err, std::move(bytes));
        };
    }
    void pause_output() override { state_->output_paused = true; }
    void resume_output() override { state_->output_paused = false; }
    void on_end(std::function<void(std::optional<int>)> callback) override {
        state_->end = std::move(callback);
    }

private:
    std::shared_ptr<FakeTerminalState> state_;
};

AppId app_of(const Command& command) {
    return std::visit(
        [](const auto& one) -> AppId {
            if constexpr (requires { one.app; }) {
                return one.app;
            } else {
                return {};
            }
        },
        command);
}

}  // namespace

FakeControl::FakeControl(Loop& loop, std::string upload_folder)
    : loop_(loop), upload_folder_(std::move(upload_folder)) {
    state.self = NodeId("alpha");
    state.leading = true;
    auto& node = state.nodes[state.self];
    node.id = state.self;
    node.connected = true;
    node.memory = gib(16);
    node.cpu_millis = 4000;
    node.disk_free = gib(100);
    auto& edge = state.edges[state.self];
    edge.connected = true;
    edge.report.listens = {"127.0.0.1:8080"};
    edge.report.pid = 4242;
    build_result = BuildResult{};
    build_result->detected = "Node.js (package.json)";
    build_result->config.processes["web"] = {
        .kind = ProcessKind::web, .command = {"/bin/sh", "-c", "node ."}, .port = 3000};
}

void FakeControl::changed() {
    ++plans_;
    changed_without_plan();
}

void FakeControl::changed_without_plan() {
    const auto all = watchers_;
    for (const auto& [number, callback] : all) callback();
}

void FakeControl::add_app(const std::string& name) {
    const AppId id("default/" + name);
    Release release{.app = id, .number = 1, .description = "deploy of " + name};
    release.image.source = "folder " + name;
    release.config.processes["web"] = {
        .kind = ProcessKind::web, .command = {"/bin/sh", "-c", "node ."}, .port = 3000};
    release.config.routes = {{name + ".localhost", "/", "web"}};
    release.created = k_created;
    state.releases[id][1] = release;
    App app{.id = id, .generation = 1, .release = 1, .release_served = 1, .releases_made = 1};
    app.rollout = {.state = RolloutState::settled, .to = 1};
    app.created = k_created;
    state.apps[id] = app;
    make_ready(add_instance(name, "web-" + name, 1));
}

InstanceId FakeControl::add_instance(const std::string& app, const std::string& id,
                                     std::int64_t release) {
    const InstanceId instance(id);
    state.instances[instance] = {.id = instance,
                                 .app = AppId("default/" + app),
                                 .release = release,
                                 .process = id.substr(0, id.find('-')),
                                 .node = state.self,
                                 .created = k_created};
    return instance;
}

void FakeControl::make_ready(const InstanceId& id) {
    state.nodes[state.self].instances[id] = {.id = id,
                                             .phase = InstancePhase::running,
                                             .address = "10.0.0.2",
                                             .pid = 7,
                                             .started = k_created,
                                             .memory = mib(40)};
    state.edges[state.self].endpoints[id] = {.instance = id, .health = EndpointHealth::healthy};
}

std::shared_ptr<void> FakeControl::on_change(std::function<void()> callback) {
    const int number = ++watchers_made_;
    watchers_[number] = std::move(callback);
    return std::shared_ptr<void>(
        this, [number](void* self) { static_cast<FakeControl*>(self)->watchers_.erase(number); });
}

void FakeControl::execute(const Command& command, const Expected& expected,
                          const std::string& idempotency_key,
                          std::function<void(Result<CommandReply>)> done) {
    // Never from within the call, as a durable write is.
    loop_.after({}, [this, command, expected, idempotency_key, done = std::move(done)] {
        const auto known = replies_.find(idempotency_key);
        if (!idempotency_key.empty() && known != replies_.end()) return done(known->second);
        auto reply = decide(command, expected);
        if (reply && !idempotency_key.empty()) replies_[idempotency_key] = *reply;
        done(std::move(reply));
        plan_later ? changed_without_plan() : changed();
    });
}

Result<CommandReply> FakeControl::decide(const Command& command, const Expected& expected) {
    if (next_error) return fail(*std::exchange(next_error, std::nullopt));
    const auto id = app_of(command);
    const bool deploys = std::holds_alternative<DeployCommand>(command);
    if (deploys && !state.apps.contains(id)) state.apps[id] = {.id = id, .created = k_created};
    const auto found = state.apps.find(id);
    if (!id.empty() && found == state.apps.end()) {
        return fail(ErrorCode::not_found, fmt::format("app {}: there is none", id.text));
    }
    if (expected.generation && *expected.generation != found->second.generation) {
        return fail(ErrorCode::conflict, fmt::format("app {}: was changed meanwhile", id.text));
    }
    commands.push_back(command);
    CommandReply reply{.app = id, .text = "done"};
    if (const auto* add = std::get_if<AddCertificateCommand>(&command)) {
        reply.certificate = add->certificate.id;
        state.certificates[reply.certificate] = add->certificate;
    } else if (const auto* remove = std::get_if<RemoveCertificateCommand>(&command)) {
        reply.certificate = remove->certificate;
        if (state.certificates.erase(remove->certificate) == 0) {
            return fail(ErrorCode::not_found,
                        fmt::format("certificate {}: there is none", remove->certificate.text));
        }
    }
    if (const auto* set = std::get_if<SetAcmeCommand>(&command)) {
        const auto directory =
            set->directory.empty() ? std::string(k_acme_default) : set->directory;
        state.acme = AcmeAccount{.directory = acme_directory(directory),
                                 .email = set->email.value_or(""),
                                 .ca_bundle = set->ca_bundle.value_or(""),
                                 .sealed_key = set->sealed_key,
                                 .registered = acme_takes.empty(),
                                 .reason = acme_takes};
    }
    if (std::holds_alternative<StopAcmeCommand>(command) && state.acme) {
        state.acme->enabled = false;
    }
    if (id.empty()) return reply;
    auto& app = found->second;
    reply.generation = ++app.generation;
    if (const auto* deploy = std::get_if<DeployCommand>(&command)) {
        const auto number = ++app.releases_made;
        state.releases[id][number] = {.app = id,
                                      .number = number,
                                      .image = deploy->image,
                                      .config = deploy->config,
                                      .description = deploy->description};
        app.rollout = {.state = RolloutState::switching, .from = app.release, .to = number};
        app.release = number;
        reply.release = number;
        reply.text = fmt::format("release {} is made", number);
        const auto name = id.text.substr(id.text.find('/') + 1);
        const auto made = add_instance(name, fmt::format("web-{}r{}", name, number), number);
        if (settle_deploys) {
            make_ready(made);
            app.rollout.state = RolloutState::settled;
            app.release_served = number;
        }
    } else if (const auto* scale = std::get_if<ScaleCommand>(&command)) {
        for (const auto& [process, count] : scale->instances) app.scale[process] = count;
    } else if (const auto* run = std::get_if<RunCommand>(&command)) {
        reply.instance =
            add_instance(id.text.substr(id.text.find('/') + 1), "run-abc", app.release);
        state.instances[reply.instance].kind = InstanceKind::run;
        state.instances[reply.instance].command = run->command;
    } else if (const auto* secret = std::get_if<SetSecretCommand>(&command)) {
        if (secret->sealed) app.secrets[secret->name] = *secret->sealed;
    } else if (std::holds_alternative<RemoveAppCommand>(command)) {
        state.apps.erase(id);
        std::erase_if(state.instances, [&](const auto& one) { return one.second.app == id; });
    }
    return reply;
}

Result<std::vector<std::string>> FakeControl::preview(const Command& command) {
    const auto id = app_of(command);
    const bool deploys = std::holds_alternative<DeployCommand>(command);
    if (!deploys && !state.apps.contains(id)) {
        return fail(ErrorCode::not_found, fmt::format("app {}: there is none", id.text));
    }
    return std::vector<std::string>{fmt::format("something would happen to {}", id.text)};
}

void FakeControl::build(BuildRequest request, std::shared_ptr<std::atomic<bool>> cancelled,
                        std::function<void(std::string)> line,
                        std::function<void(Result<BuildResult>)> done) {
    built_archive = read_file(request.archive);
    for (const auto& text : build_lines) line(text);
    if (hold_builds) return wait_for_cancel(std::move(cancelled), std::move(done));
    loop_.after({}, [this, done = std::move(done)] { done(build_result); });
}

void FakeControl::wait_for_cancel(std::shared_ptr<std::atomic<bool>> cancelled,
                                  std::function<void(Result<BuildResult>)> done) {
    loop_.after({1}, [this, cancelled, done] {
        if (!*cancelled) return wait_for_cancel(cancelled, done);
        build_cancelled = true;
        done(fail(ErrorCode::refused, "cancelled"));
    });
}

void FakeControl::import_image(ImportRequest request, std::shared_ptr<std::atomic<bool>> cancelled,
                               std::function<void(std::string)> line,
                               std::function<void(Result<BuildResult>)> done) {
    line("fetching " + request.reference);
    static_cast<void>(cancelled);
    loop_.after({}, [this, done = std::move(done)] { done(build_result); });
}

void FakeControl::build_platform(std::string recipe, std::shared_ptr<std::atomic<bool>> cancelled,
                                 std::function<void(std::string)> line,
                                 std::function<void(Result<PlatformInfo>)> done) {
    static_cast<void>(cancelled);
    if (recipe != "debian") {
        return done(fail(ErrorCode::not_found, fmt::format("recipe {}: there is none", recipe)));
    }
    line("making it");
    done(PlatformInfo{.name = "debian-12", .summary = "Debian 12", .size = mib(200)});
}

void FakeControl::platforms(std::function<void(Result<std::vector<PlatformInfo>>)> done) {
    done(
        std::vector<PlatformInfo>{{.name = "host", .summary = "this machine", .is_default = true}});
}

Result<std::string> FakeControl::seal(const AppId& app, const std::string& name,
                                      const Secret& value) {
    seals.push_back(app.text + " " + name);
    return fmt::format("sealed-{}", value.reveal().size());
}

Result<Certificate> FakeControl::take_certificate(const Secret& pem) {
    sim::FakeCertificates works;
    MOLN_ASSIGN(auto found, works.inspect(pem, now().wall));
    found.certificate.id = CertificateId(fmt::format("cert-{}", state.certificates.size() + 1));
    MOLN_ASSIGN(found.certificate.sealed_key, works.seal_key(found.certificate.id, found.key));
    return found.certificate;
}

Status FakeControl::check_client_ca(const std::string& pem) {
    if (pem.find("broken") == std::string::npos) return {};
    return fail(ErrorCode::invalid, "certificate 1 does not parse");
}

Result<SetAcmeCommand> FakeControl::take_acme(SetAcmeCommand command) {
    sim::FakeCertificates works;
    if (command.ca_bundle) {
        if (auto good = works.check_ca_bundle(*command.ca_bundle); !good) {
            return fail_in("ca_bundle", good.error());
        }
    }
    MOLN_ASSIGN(command.sealed_key, works.make_account_key());
    return command;
}

Result<std::unique_ptr<Terminal>> FakeControl::open_terminal(const TerminalRequest& request) {
    if (refuse_terminals > 0) {
        --refuse_terminals;
        return fail(ErrorCode::not_found, "no line yet");
    }
    auto made = std::make_shared<FakeTerminalState>();
    made->request = request;
    terminals[request.instance] = made;
    return std::make_unique<FakeTerminal>(made);
}

std::shared_ptr<void> FakeControl::logs(const LogQuery& query, std::function<void(LogLine)> line,
                                        std::function<void(Status)> end) {
    log_query = query;
    for (const auto& one : log_lines) {
        const bool fits = (query.process.empty() || one.process == query.process) &&
                          (query.instance.empty() || one.instance.text == query.instance);
        if (fits) line(one);
    }
    if (!query.follow) {
        end({});
        return nullptr;
    }
    follow_log = std::move(line);
    ++log_followers;
    return std::shared_ptr<void>(
        this, [](void* self) { --static_cast<FakeControl*>(self)->log_followers; });
}

void FakeControl::extract_trash(const TrashId& trash, const std::string& target,
                                std::function<void(Status)> done) {
    static_cast<void>(target);
    if (!state.trash.contains(trash)) {
        return done(fail(ErrorCode::not_found, fmt::format("trash {}: there is none", trash.text)));
    }
    done({});
}

void FakeControl::edge_metrics(std::function<void(Result<std::string>)> done) {
    done(std::string("edge_requests_total 5\n"));
}

Result<EdgeUpgrade> FakeControl::upgrade_edge(std::function<void(Status)> served) {
    if (edge_upgrade_error) return fail(*edge_upgrade_error);
    if (edge_served) return fail(ErrorCode::refused, "edge: one is under way");
    edge_served = std::move(served);
    return EdgeUpgrade{.pid_before = 10, .pid = 12};
}

// At each look twenty requests more of the route, half of them from the cache.
void FakeControl::edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) {
    if (edge_routes_error) return done(fail(*edge_routes_error));
    EdgeRouteReport route;
    route.host = "shop.example.org";
    route.path = "/";
    route.requests_total = 20 * ++route_looks_;
    route.cache_hits_total = route.cache_misses_total = route.requests_total / 2;
    route.latency_counts = {0, route.requests_total};
    EdgeRouteReport others;
    others.requests_total = 7;
    done(std::vector<EdgeProcessRoutes>{{.pid = 12, .routes = {route, others}}});
}

void FakeControl::purge_cache(CachePurge purge, std::function<void(Status)> done) {
    purges.push_back(std::move(purge));
    done({});
}

Result<std::string> FakeControl::new_upload() {
    return fmt::format("{}/upload-{}", upload_folder_, ++uploads_);
}

}  // namespace moln
