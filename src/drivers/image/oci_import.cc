#include "drivers/image/oci_import.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "drivers/image/build_settings.h"
#include "drivers/image/oci_image.h"
#include "drivers/image/sha256.h"
#include "drivers/image/unpack.h"
#include "drivers/image/workspace.h"
#include "drivers/process/child.h"
#include "io/file/files.h"
#include "model/codec.h"
#include "model/limits.h"
#include "model/words.h"

namespace moln {
namespace {

constexpr Milliseconds k_fetch_limit = minutes(60);

// What skopeo says, as what to do about it.
struct FetchFailure {
    std::string_view said;
    ErrorCode code;
    std::string_view advice;
};
constexpr std::array<FetchFailure, 17> k_failures = {{
    {"manifest unknown", ErrorCode::not_found, "the registry has no such image or tag"},
    {"name unknown", ErrorCode::not_found, "the registry has no such image"},
    {"gave HTTP response to HTTPS", ErrorCode::refused,
     "the registry speaks plain HTTP, which is taken only from loopback and when asked for"},
    {"unauthorized", ErrorCode::denied, "the registry wants credentials (`skopeo login`)"},
    {"denied", ErrorCode::denied, "the registry does not let us have it"},
    {"no image found in manifest list", ErrorCode::not_found,
     "the image is not made for this machine's architecture"},
    {"no image found in image index", ErrorCode::not_found,
     "the image is not made for this machine's architecture"},
    {"connection refused", ErrorCode::unavailable, "the registry does not answer"},
    {"no such host", ErrorCode::unavailable, "the registry's name is not known"},
    {"i/o timeout", ErrorCode::unavailable, "the registry does not answer"},
    {"connection reset", ErrorCode::unavailable, "the registry does not answer"},
    {"network is unreachable", ErrorCode::unavailable, "the registry cannot be reached"},
    {"no route to host", ErrorCode::unavailable, "the registry cannot be reached"},
    {"server misbehaving", ErrorCode::unavailable, "the registry's name cannot be looked up"},
    {"no space left on device", ErrorCode::full, "the disk of the data directory is full"},
    {"no such file or directory", ErrorCode::not_found, "there is no such file or folder"},
    {"igest", ErrorCode::corrupt, "the image's bytes are not what its digests say"},
}};

// skopeo logs `time="…" level=fatal msg="…"`: the message alone.
std::string message_of(const std::string& output) {
    const auto at = output.rfind("msg=\"");
    if (at == std::string::npos) {
        return output.size() > 500 ? output.substr(output.size() - 500) : output;
    }
    auto text = output.substr(at + 5);
    text = text.substr(0, text.find("\"\n"));
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        plain += text[i];
    }
    if (plain.ends_with('"')) plain.pop_back();
    return plain;
}

Error fetch_error(const std::string& reference, const std::string& output) {
    const auto message = message_of(output);
    for (const auto& failure : k_failures) {
        if (message.find(failure.said) == std::string::npos) continue;
        return {failure.code, fmt::format("image {}: {} ({})", reference, failure.advice, message)};
    }
    return {ErrorCode::refused, fmt::format("image {}: {}", reference, message)};
}

std::vector<std::string> fetch_env() {
    auto env = fetch_environment();
    env.emplace_back("HOME=/root");
    if (const char* file = std::getenv("REGISTRY_AUTH_FILE")) {
        env.push_back(fmt::format("REGISTRY_AUTH_FILE={}", file));
    }
    return env;
}

// Of a manifest's layers as they are packed.
Bytes size_of_layers(std::string_view manifest) {
    Bytes sum;
    const auto value = parse_json(manifest);
    const auto* layers =
        value && value->is_object() ? value->get_object().if_contains("layers") : nullptr;
    if (layers == nullptr || !layers->is_array()) return sum;
    for (const auto& layer : layers->get_array()) {
        const auto* size = layer.is_object() ? layer.get_object().if_contains("size") : nullptr;
        if (size != nullptr && size->is_int64())
            sum.count += std::max<std::int64_t>(0, size->get_int64());
    }
    return sum;
}

class Import {
public:
    Import(const DataDir& data, const ImageProgress& progress, Workspace workspace)
        : data_(data), progress_(progress), workspace_(std::move(workspace)) {}

    // The configuration alone: no layer is fetched.
    Result<BuildResult> look(const ImageReference& reference, bool plain_http) {
        MOLN_ASSIGN(const auto config, skopeo({"inspect", "--config"}, reference, plain_http));
        auto app = app_of_image(config);
        if (!app) return fail_in("image " + reference.text, app.error());
        return BuildResult{.image = {},
                           .config = std::move(app->config),
                           .detected = "OCI image",
                           .warnings = std::move(app->warnings)};
    }

    Result<BuildResult> run(const ImageReference& reference, bool plain_http) {
        MOLN_TRY(check_room_before(reference, plain_http));
        MOLN_TRY(fetch(reference, plain_http));
        auto image = read_oci_layout(layout());
        if (!image) return fail_in("image " + reference.text, image.error());
        auto app = app_of_image(image->config);
        if (!app) return fail_in("image " + reference.text, app.error());
        BuildResult out{.image = {.kind = ImageKind::oci,
                                  .platform = {},
                                  .layers = {},
                                  .source = reference.text,
                                  .digest = image->digest},
                        .config = std::move(app->config),
                        .detected = fmt::format("OCI image, {} layers", image->layers.size()),
                        .warnings = std::move(app->warnings)};
        auto layers = image->layers.size() > k_stacked_layers_max ? flatten(*image) : stack(*image);
        if (!layers) return fail_in("image " + reference.text, layers.error());
        out.image.layers = std::move(*layers);
        return out;
    }

private:
    void say(std::string line) const {
        if (progress_.line) progress_.line(std::move(line));
    }

    std::string layout() const { return workspace_.path() + "/oci"; }

    // What skopeo prints for these words about the image.
    Result<std::string> skopeo(std::vector<std::string> words, const ImageReference& reference,
                               bool plain_http) const {
        std::vector<std::string> argv = {"skopeo"};
        // Debian's package brings a policy; without one skopeo refuses everything.
        if (!path_exists("/etc/containers/policy.json")) argv.emplace_back("--insecure-policy");
        argv.insert(argv.end(), {"--tmpdir", workspace_.path(), "--override-os", "linux"});
        const bool copies = words.front() == "copy";
        argv.insert(argv.end(), words.begin(), words.end());
        argv.insert(argv.end(), {"--retry-times", "2"});
        if (plain_http) argv.emplace_back(copies ? "--src-tls-verify=false" : "--tls-verify=false");
        argv.push_back(reference.text);
        if (copies) argv.push_back(fmt::format("oci:{}:image", layout()));
        const auto result =
            run_child({.argv = std::move(argv),
                       .env = fetch_env(),
                       .time_limit = k_fetch_limit,
                       .line = copies ? progress_.line : std::function<void(std::string)>{},
                       .cancelled = progress_.cancelled});
        if (!result) return fail(result.error());
        if (result->exit_code != 0) return fail(fetch_error(reference.text, result->output));
        return result->output.substr(std::min(result->output.find('{'), result->output.size()));
    }

    Status fetch(const ImageReference& reference, bool plain_http) {
        say("fetching " + reference.text);
        MOLN_TRY(skopeo({"copy"}, reference, plain_http));
        return {};
    }

    // How much may be written before the reserve for what runs would shrink.
    Result<Bytes> room() const {
        MOLN_ASSIGN(const auto free, free_space(data_.root));
        return free - k_disk_reserve;
    }

    // A fetch fills the disk before anything of it is looked at. An index of several images names
    // no sizes: that one is stopped when it is unpacked.
    Status check_room_before(const ImageReference& reference, bool plain_http) const {
        MOLN_ASSIGN(const auto manifest, skopeo({"inspect", "--raw"}, reference, plain_http));
        const auto needed = size_of_layers(manifest);
        MOLN_ASSIGN(const auto free, room());
        if (needed < free) return {};
        return fail(ErrorCode::full,
                    fmt::format("image {}: too little space: it needs {} packed, {} are free under "
                                "{} beside the {} that are kept for what runs; nothing was "
                                "changed. `moln trash ls` shows what could go",
                                reference.text, size_words(needed), size_words(std::max(free, {})),
                                data_.root, size_words(k_disk_reserve)));
    }

    Result<UnpackLimits> limits() const {
        MOLN_ASSIGN(const auto free, room());
        return UnpackLimits{.files_max = k_image_files_max,
                            .bytes_max = k_image_bytes_max,
                            .room = free,
                            .cancelled = progress_.cancelled};
    }

    Status unpack(const OciBlob& blob, const std::string& folder, Whiteouts whiteouts) {
        MOLN_TRY(check_blob(layout(), blob));
        MOLN_ASSIGN(const auto within, limits());
        const auto unpacked =
            unpack_layer(blob_path(layout(), blob.digest), folder, whiteouts, within);
        if (!unpacked) return fail_in("layer " + blob.digest, unpacked.error());
        say(fmt::format("unpacked {} ({} files)", blob.digest, unpacked->files));
        return {};
    }

    // Each layer by itself, shared with every image that has it.
    Result<std::vector<std::string>> stack(const OciImage& image) {
        std::vector<std::string> names;
        for (const auto& blob : image.layers) {
            const auto name = "oci-" + blob.digest.substr(blob.digest.find(':') + 1);
            if (path_exists(layer_path(data_, name))) {
                say(fmt::format("{} is here already", blob.digest));
            } else {
                MOLN_ASSIGN(const auto folder, workspace_.make_layer(name));
                MOLN_TRY(unpack(blob, folder, Whiteouts::mark));
                MOLN_TRY(publish(folder, layer_path(data_, name)));
            }
            // An overlay takes no folder twice, and the upper one hides the lower whole.
            std::erase(names, name);
            names.push_back(name);
        }
        return names;
    }

    // All layers as one.
    Result<std::vector<std::string>> flatten(const OciImage& image) {
        Sha256 hash;
        for (const auto& blob : image.layers) hash.add_text(blob.digest);
        const auto name = "oci-flat-" + hash.hex();
        if (path_exists(layer_path(data_, name))) {
            say("the layers are here already");
            return std::vector{name};
        }
        MOLN_ASSIGN(const auto folder, workspace_.make_layer(name));
        for (const auto& blob : image.layers) MOLN_TRY(unpack(blob, folder, Whiteouts::apply));
        MOLN_TRY(publish(folder, layer_path(data_, name)));
        return std::vector{name};
    }

    const DataDir& data_;
    const ImageProgress& progress_;
    Workspace workspace_;
};

}  // namespace

Result<BuildResult> import_image(const DataDir& data, const ImportRequest& request,
                                 const ImageProgress& progress) {
    MOLN_ASSIGN(const auto reference, parse_image_reference(request.reference));
    if (request.plain_http && !reference.loopback) {
        return fail(ErrorCode::refused,
                    fmt::format("image {}: plain HTTP is taken only from a registry on loopback",
                                reference.text));
    }
    MOLN_ASSIGN(auto workspace, Workspace::make(data));
    Import import(data, progress, std::move(workspace));
    if (request.dry_run) return import.look(reference, request.plain_http);
    return import.run(reference, request.plain_http);
}

}  // namespace moln
