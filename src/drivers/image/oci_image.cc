#include "drivers/image/oci_image.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <sys/stat.h>

#include "drivers/image/sha256.h"
#include "io/file/files.h"
#include "model/codec.h"

namespace moln {
namespace {

constexpr std::size_t k_layers_max = 512;  // more than any builder makes

bool is_digest(std::string_view text) {
    constexpr std::string_view k_prefix = "sha256:";
    const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return text.starts_with(k_prefix) && text.size() == k_prefix.size() + 64 &&
           std::ranges::all_of(text.substr(k_prefix.size()), hex);
}

std::unexpected<Error> odd(std::string_view what) {
    return fail(ErrorCode::corrupt, fmt::format("the image is broken: {}", what));
}

Result<OciBlob> blob_of(const json::value* value, std::string_view what) {
    const auto* object = value == nullptr ? nullptr : value->if_object();
    if (object == nullptr) return odd(fmt::format("its {} is not described", what));
    const auto* digest = object->if_contains("digest");
    const auto* size = object->if_contains("size");
    const auto* type = object->if_contains("mediaType");
    if (digest == nullptr || !digest->is_string() || !is_digest(digest->get_string())) {
        return odd(fmt::format("its {} has no SHA-256 digest", what));
    }
    OciBlob blob{.digest = std::string(digest->get_string())};
    if (size != nullptr && size->is_int64()) blob.size = size->get_int64();
    if (type != nullptr && type->is_string()) blob.media_type = type->get_string();
    return blob;
}

Result<json::object> read_document(const std::string& layout, const OciBlob& blob,
                                   std::string& text) {
    MOLN_TRY(check_blob(layout, blob));
    MOLN_ASSIGN(text, read_file(blob_path(layout, blob.digest)));
    auto value = parse_json(text);
    if (!value || !value->is_object()) return odd(blob.digest + " is not a JSON object");
    return std::move(value->get_object());
}

// The one entry of a layout's index. skopeo writes layouts of one image.
Result<OciBlob> only_manifest(const std::string& layout) {
    auto text = read_file(layout + "/index.json");
    if (!text) return odd("it has no index.json");
    const auto index = parse_json(*text);
    const auto* list =
        index && index->is_object() ? index->get_object().if_contains("manifests") : nullptr;
    if (list == nullptr || !list->is_array() || list->get_array().empty()) {
        return odd("its index names no manifest");
    }
    return blob_of(&list->get_array().front(), "manifest");
}

}  // namespace

std::string blob_path(const std::string& layout, std::string_view digest) {
    return fmt::format("{}/blobs/sha256/{}", layout, digest.substr(digest.find(':') + 1));
}

Status check_blob(const std::string& layout, const OciBlob& blob) {
    const auto path = blob_path(layout, blob.digest);
    struct stat info{};
    if (stat(path.c_str(), &info) != 0) {
        if (errno == ENOENT) return odd(blob.digest + " is missing");
        return fail(error_from_errno(errno, "look at " + path));
    }
    if (blob.size != 0 && info.st_size != blob.size) {
        return odd(fmt::format("{} has {} bytes, not {}", blob.digest, info.st_size, blob.size));
    }
    MOLN_ASSIGN(const auto hex, sha256_of_file(path));
    if ("sha256:" + hex != blob.digest) {
        return odd(fmt::format("{} has other bytes (sha256:{})", blob.digest, hex));
    }
    return {};
}

Result<OciImage> read_oci_layout(const std::string& layout) {
    OciImage out;
    out.folder = layout;
    MOLN_ASSIGN(const auto manifest_blob, only_manifest(layout));
    std::string text;
    MOLN_ASSIGN(const auto manifest, read_document(layout, manifest_blob, text));
    out.digest = manifest_blob.digest;
    MOLN_ASSIGN(const auto config, blob_of(manifest.if_contains("config"), "configuration"));
    MOLN_TRY(read_document(layout, config, out.config));
    const auto* layers = manifest.if_contains("layers");
    if (layers == nullptr || !layers->is_array()) return odd("its manifest has no layers");
    if (layers->get_array().size() > k_layers_max) {
        return fail(ErrorCode::refused, fmt::format("the image has {} layers: at most {} are taken",
                                                    layers->get_array().size(), k_layers_max));
    }
    for (const auto& item : layers->get_array()) {
        MOLN_ASSIGN(auto blob, blob_of(&item, "layer"));
        out.layers.push_back(std::move(blob));
    }
    return out;
}

}  // namespace moln
