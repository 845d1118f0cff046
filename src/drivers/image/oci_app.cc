// What an OCI image's configuration says about running it, as an app's configuration.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "drivers/image/oci_image.h"
#include "model/validate.h"

namespace moln {
namespace {

std::vector<std::string> texts(const json::object& object, std::string_view key) {
    std::vector<std::string> out;
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_array()) return out;
    for (const auto& item : value->get_array()) {
        if (item.is_string()) out.emplace_back(item.get_string());
    }
    return out;
}

std::string text(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (code != std::errc{} || port == 0) return std::nullopt;
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (!rest.empty() && rest != "/tcp") return std::nullopt;
    return port;
}

// Signals may be numbers ("15") or stand without SIG ("TERM").
std::string signal_of(std::string_view text) {
    struct Number {
        std::string_view number;
        std::string_view name;
    };
    constexpr std::array<Number, 8> k_numbers = {{{"1", "SIGHUP"},
                                                  {"2", "SIGINT"},
                                                  {"3", "SIGQUIT"},
                                                  {"9", "SIGKILL"},
                                                  {"10", "SIGUSR1"},
                                                  {"12", "SIGUSR2"},
                                                  {"15", "SIGTERM"},
                                                  {"28", "SIGWINCH"}}};
    const auto known = std::ranges::find(k_numbers, text, &Number::number);
    if (known != k_numbers.end()) return std::string(known->name);
    return text.starts_with("SIG") ? std::string(text) : fmt::format("SIG{}", text);
}

class ImageReader {
public:
    explicit ImageReader(const json::object& config) : config_(config) {}

    Result<ImageApp> read() {
        auto command = texts(config_, "Entrypoint");
        for (auto& word : texts(config_, "Cmd")) command.push_back(std::move(word));
        if (command.empty()) {
            return fail(ErrorCode::invalid,
                        "the image names no command (neither Entrypoint nor Cmd): make one that "
                        "does");
        }
        auto& config = out_.config;
        read_env();
        config.processes["web"] = {
            .kind = ProcessKind::web, .command = std::move(command), .port = choose_port()};
        config.workdir = text(config_, "WorkingDir");
        if (config.workdir.empty()) config.workdir = "/";
        config.user = text(config_, "User");
        if (config.user.empty()) config.user = "0:0";  // what an image without one expects
        read_stop_signal();
        warn_of_the_rest();
        if (auto good = validate(config); !good) return fail_in("the image", good.error());
        return std::move(out_);
    }

private:
    void warn(std::string text) { out_.warnings.push_back(std::move(text)); }

    void read_env() {
        for (const auto& entry : texts(config_, "Env")) {
            const auto equals = entry.find('=');
            const auto name = entry.substr(0, equals);
            const auto value = equals == std::string::npos ? "" : entry.substr(equals + 1);
            if (name == "PORT") {
                told_port_ = port_of(value);
            } else if (auto good = validate_env_name(name); !good) {
                warn(fmt::format("the image's variable {} is left out: {}", name,
                                 good.error().reason));
            } else {
                out_.config.env[name] = value;
            }
        }
    }

    std::uint16_t choose_port() {
        std::set<std::uint16_t> exposed;
        if (const auto* ports = config_.if_contains("ExposedPorts");
            ports != nullptr && ports->is_object()) {
            for (const auto& [key, ignored] : ports->get_object()) {
                if (const auto port = port_of(std::string_view(key.data(), key.size()))) {
                    exposed.insert(*port);
                }
            }
        }
        if (told_port_) return *told_port_;
        if (exposed.empty()) {
            warn(fmt::format("the image exposes no TCP port: it is expected to listen on PORT={}",
                             k_port_default));
            return k_port_default;
        }
        if (exposed.size() > 1) {
            warn(fmt::format("the image exposes the ports {}: {} is taken",
                             fmt::join(exposed, ", "), *exposed.begin()));
        }
        return *exposed.begin();
    }

    void read_stop_signal() {
        const auto signal = text(config_, "StopSignal");
        if (signal.empty()) return;
        const auto name = signal_of(signal);
        if (validate_signal(name)) {
            out_.config.stop_signal = name;
        } else {
            warn(fmt::format("the image's stop signal {} is not known: SIGTERM is sent", signal));
        }
    }

    void warn_of_the_rest() {
        if (config_.contains("Healthcheck")) {
            warn("the image's health check command is not run: its port is probed instead");
        }
        const auto* volumes = config_.if_contains("Volumes");
        if (volumes == nullptr || !volumes->is_object()) return;
        for (const auto& [path, ignored] : volumes->get_object()) {
            warn(
                fmt::format("the image keeps data in {}, which lives with each instance only: "
                            "deploy it with a volume there to keep it",
                            std::string_view(path.data(), path.size())));
        }
    }

    const json::object& config_;
    std::optional<std::uint16_t> told_port_;
    ImageApp out_;
};

bool is_loopback(std::string_view registry) {
    if (registry.starts_with("[::1]")) return true;
    const std::string host(registry.substr(0, registry.find(':')));
    in_addr address{};
    if (inet_pton(AF_INET, host.c_str(), &address) != 1) return host == "localhost";
    return (ntohl(address.s_addr) >> 24) == 127;
}

}  // namespace

Result<ImageApp> app_of_image(std::string_view config_json) {
    const auto document = parse_json(config_json);
    if (!document || !document->is_object()) {
        return fail(ErrorCode::corrupt, "the image is broken: its configuration is no JSON object");
    }
    static const json::object k_empty;
    const auto* config = document->get_object().if_contains("config");
    return ImageReader(config != nullptr && config->is_object() ? config->get_object() : k_empty)
        .read();
}

Result<ImageReference> parse_image_reference(std::string_view text) {
    const auto wrong = [text](std::string_view what) {
        return fail(ErrorCode::invalid,
                    fmt::format("image \"{}\": {}; expected docker://HOST/NAME:TAG, oci:FOLDER or "
                                "docker-archive:FILE",
                                text.substr(0, 200), what));
    };
    const auto plain = [](char c) { return c > 0x20 && c < 0x7f; };
    if (text.empty() || text.size() > 4096 || text.starts_with('-')) return wrong("not a name");
    if (text.starts_with("oci:") || text.starts_with("docker-archive:")) {
        const auto path = text.substr(text.find(':') + 1);
        if (!path.starts_with('/')) return wrong("expected an absolute path");
        if (path.find('\0') != std::string_view::npos) return wrong("not a path");
        return ImageReference{.text = std::string(text)};
    }
    if (!std::ranges::all_of(text, plain)) return wrong("not a name");
    auto name = text;
    constexpr std::string_view k_docker = "docker://";
    if (name.starts_with(k_docker)) {
        name.remove_prefix(k_docker.size());
    } else if (name.find("://") != std::string_view::npos) {
        return wrong("an unknown kind of place");
    }
    if (name.empty() || name.starts_with('/') || name.ends_with('/')) return wrong("not a name");
    const auto slash = name.find('/');
    return ImageReference{
        .text = fmt::format("{}{}", k_docker, name),
        .loopback = slash != std::string_view::npos && is_loopback(name.substr(0, slash))};
}

}  // namespace moln
