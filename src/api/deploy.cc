#include "api/deploy.h"

#include <atomic>
#include <utility>

#include <fmt/format.h>

#include "api/lines.h"
#include "api/settle.h"
#include "api/view.h"
#include "model/route.h"

namespace moln::api {
namespace {

class Deploy final : public Stream, public std::enable_shared_from_this<Deploy> {
public:
    explicit Deploy(const std::shared_ptr<Call>& call)
        : call_(call), context_(call->shared_context()), lines_(call) {}

    void start() {
        if (!call_->text("canary").empty()) {
            canary_ = {.share = call_->number("canary", -1),
                       .header = call_->text("canary_header"),
                       .cookie = call_->text("canary_cookie"),
                       .mirror = call_->number("mirror", 0)};
            if (auto valid = validate_canary(*canary_); !valid) return call_->fail(valid.error());
        }
        context_->streams.insert(shared_from_this());
        call_->exchange->on_gone([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->cancel();
        });
        const auto line = [weak = weak_from_this()](const std::string& text) {
            const auto self = weak.lock();
            if (self != nullptr && !*self->cancelled_) self->lines_.progress(text);
        };
        const auto done = [self = shared_from_this()](Result<BuildResult> built) {
            self->call_->request.body_file_owner = nullptr;
            self->made(std::move(built));
            self->context_->streams.erase(self);
        };
        if (call_->request.body_file.empty()) {
            const auto body = call_->body_as<DeployImageBody>();
            what_ = "image " + body.image;
            context_->control.import_image({.app = call_->app(),
                                            .reference = body.image,
                                            .plain_http = body.plain_http,
                                            .dry_run = call_->flag("dry_run")},
                                           cancelled_, line, done);
            return;
        }
        const auto folder = call_->text("folder");
        what_ = folder.empty() ? "a source folder" : "folder " + folder;
        context_->control.build({.app = call_->app(),
                                 .archive = call_->request.body_file,
                                 .platform = call_->text("platform"),
                                 .base_name = folder.empty() ? call_->text("app") : folder,
                                 .dry_run = call_->flag("dry_run"),
                                 .check = [&control = context_->control](
                                              const auto& it) { return check(control, it); }},
                                cancelled_, line, done);
    }

private:
    // Nobody waits any more: a build that has made nothing yet is not worth finishing.
    void cancel() { *cancelled_ = true; }

    static Status check(Control& control, const AppConfig& config) {
        for (const auto& route : config.routes) {
            if (!route.client_cert) continue;
            const auto good = control.check_client_ca(route.client_cert->ca);
            if (good) continue;
            return fail(ErrorCode::invalid, fmt::format("moln.toml: route {}: client_cert.ca: {}",
                                                        route_words(route), good.error().reason));
        }
        return {};
    }

    void made(Result<BuildResult> built) {
        if (!built) return lines_.fail(built.error());
        if (*cancelled_) return;
        const DeployCommand command{call_->app(), built->image, built->config, "deploy of " + what_,
                                    canary_};
        if (call_->flag("dry_run")) return tell_plan(command, *built);
        context_->control.execute(
            command, call_->expected, call_->idempotency_key,
            [self = shared_from_this(), warnings = built->warnings](Result<CommandReply> reply) {
                self->decided(std::move(reply), warnings);
            });
    }

    void tell_plan(const DeployCommand& command, const BuildResult& built) {
        const auto effects = context_->control.preview(command);
        if (!effects) return lines_.fail(effects.error());
        lines_.result(to_json(PlanView{.app = command.app,
                                       .detected = built.detected,
                                       .effects = *effects,
                                       .warnings = built.warnings,
                                       .config = built.config}));
    }

    void decided(Result<CommandReply> reply, std::vector<std::string> warnings) {
        if (!reply) return lines_.fail(reply.error());
        const auto& world = context_->control.world();
        if (call_->flag("wait", true) && world.apps.contains(reply->app)) {
            // From here the switch goes on whether or not the client stays: it is told.
            lines_.write(
                json::object{{"line", valid_utf8(reply->text)}, {"release", reply->release}});
            const auto* does = canary_ ? "gets its part of the requests: `moln promote` lets it "
                                         "serve, `moln rollback` ends it"
                                       : "serves";
            reply->text = fmt::format("release {} of {} {}", reply->release, reply->app.text, does);
            return settle(std::move(lines_), *reply, std::move(warnings));
        }
        lines_.result(to_json(change_view(world, *reply, std::move(warnings))));
    }

    std::shared_ptr<Call> call_;
    std::shared_ptr<ServiceContext> context_;
    Lines lines_;
    std::string what_;
    std::optional<CanarySpec> canary_;  // as asked for
    std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace

void deploy(std::shared_ptr<Call> call) {
    if (call->request.body_file.empty()) {
        if (call->body_as<DeployImageBody>().image.empty()) {
            return call->fail({ErrorCode::invalid, "image: expected a reference to an image"});
        }
    }
    std::make_shared<Deploy>(call)->start();
}

void build_platform(std::shared_ptr<Call> call) {
    auto cancelled = std::make_shared<std::atomic<bool>>(false);
    auto lines = std::make_shared<Lines>(call);
    call->exchange->on_gone([cancelled] { *cancelled = true; });
    call->control().build_platform(
        call->body_as<PlatformBody>().recipe, cancelled,
        [lines, cancelled](const std::string& text) {
            if (!*cancelled) lines->progress(text);
        },
        [lines](Result<PlatformInfo> made) {
            if (!made) return lines->fail(made.error());
            lines->result(to_json(
                PlatformView{made->name, made->summary, made->size, made->made, made->is_default}));
        });
}

}  // namespace moln::api
