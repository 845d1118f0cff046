#include "drivers/image/host_images.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "drivers/image/oci_import.h"
#include "drivers/image/workspace.h"
#include "io/file/files.h"
#include "io/file/tree.h"
#include "model/site.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

// Names of layers come from releases, which come from the store: still, no name may lead elsewhere.
bool is_layer_name(std::string_view name) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    return !name.empty() && std::ranges::all_of(name, plain);
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        names.push_back(it->path().filename().string());
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return fail(error_from_errno(error.value(), "list " + folder));
    }
    std::ranges::sort(names);
    return names;
}

}  // namespace

HostImages::HostImages(DataDir data, OneShots& one_shots, HostImagesOptions options)
    : data_(std::move(data)),
      one_shots_(one_shots),
      options_(std::move(options)),
      platforms_(data_, options_.platform_recipes) {}

Status HostImages::recover() {
    MOLN_ASSIGN(const auto names, names_in(data_.builds()));
    for (const auto& name : names) MOLN_TRY(remove_tree(data_.builds() + "/" + name));
    return {};
}

Result<BuildResult> HostImages::build(const BuildRequest& request, const ImageProgress& progress) {
    BuildSettings settings;
    if (options_.build_settings && !request.dry_run) {
        MOLN_ASSIGN(settings, options_.build_settings());
    }
    return build_source({.data = data_,
                         .platforms = platforms_,
                         .one_shots = one_shots_,
                         .caps = options_.caps,
                         .settings = settings,
                         .now = options_.wall_now ? options_.wall_now() : WallTime{}},
                        request, progress);
}

Result<BuildResult> HostImages::import(const ImportRequest& request,
                                       const ImageProgress& progress) {
    return import_image(data_, request, progress);
}

Result<PlatformInfo> HostImages::build_platform(const std::string& recipe,
                                                const ImageProgress& progress) {
    return platforms_.build(recipe, options_.wall_now(), progress);
}

Result<std::vector<PlatformInfo>> HostImages::platforms() {
    return platforms_.list();
}

// A rename for each layer: a crash leaves every one of them in one place or the other, and a
// repetition takes those that are still here.
Result<Bytes> HostImages::to_trash(const std::vector<std::string>& layers, const TrashId& trash) {
    Bytes moved;
    for (const auto& layer : layers) {
        if (!is_layer_name(layer)) {
            return fail(ErrorCode::invalid, fmt::format("\"{}\" is no name of a layer", layer));
        }
        if (!path_exists(layer_path(data_, layer))) continue;
        const auto folder = trashed_layers(trash);
        MOLN_TRY(make_folders(folder, 0700));
        MOLN_TRY(rename_path(layer_path(data_, layer), folder + "/" + layer));
        MOLN_TRY(sync_folder(folder));
        MOLN_TRY(sync_folder(folder_of(layer)));
    }
    for (const auto& layer : layers) {
        moved = moved + tree_size(trashed_layers(trash) + "/" + layer).bytes;
    }
    return moved;
}

Status HostImages::from_trash(const TrashId& trash) {
    const auto folder = trashed_layers(trash);
    MOLN_ASSIGN(const auto names, names_in(folder));
    for (const auto& name : names) {
        // Made again since, from the same content: the one in the trash may stay there.
        if (path_exists(layer_path(data_, name))) continue;
        MOLN_TRY(make_folders(folder_of(name), is_site_name(name) ? 0755 : 0700));
        MOLN_TRY(rename_path(folder + "/" + name, layer_path(data_, name)));
        MOLN_TRY(sync_folder(folder_of(name)));
    }
    return {};
}

}  // namespace moln
