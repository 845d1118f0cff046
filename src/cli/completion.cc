#include "cli/completion.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "cli/client.h"
#include "cli/exit_code.h"
#include "cli/parse.h"
#include "cli/socket.h"
#include "cli/streams.h"
#include "model/views.h"

namespace moln::cli {
namespace {

constexpr std::string_view k_bash = R"(# bash completion for moln
_moln() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(moln __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [ "${#COMPREPLY[@]}" -eq 1 ] && [ "${COMPREPLY[0]%=}" != "${COMPREPLY[0]}" ]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _moln moln
)";

constexpr std::string_view k_zsh = R"(#compdef moln
# zsh completion for moln
_moln() {
    local -a found
    found=("${(@f)$(moln __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ ${#found} -gt 0 && -n ${found[1]} ]]; then
        compadd -- "${found[@]}"
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_moln" ]; then
    _moln "$@"
else
    compdef _moln moln
fi
)";

constexpr std::string_view k_fish = R"(# fish completion for moln
function __moln_complete
    set -l words (commandline -opc) (commandline -ct)
    moln __complete $words[2..-1] 2>/dev/null
end
complete -c moln -f -a '(__moln_complete)'
complete -c moln -n '__fish_seen_subcommand_from deploy' -F
)";

const CommandNode* find_node(const std::vector<CommandNode>& tree, const std::string& name) {
    const auto found = std::ranges::find(tree, name, &CommandNode::name);
    return found == tree.end() ? nullptr : &*found;
}

const OptionNode* find_option(const CommandNode* node, const std::string& word) {
    if (node == nullptr) return nullptr;
    for (const auto& option : node->options) {
        if (std::ranges::count(option.names, word) > 0) return &option;
    }
    return nullptr;
}

// Where the typed words have led.
struct Place {
    std::string verb;                  // as far as it goes: "env" or "env set"
    std::size_t arguments = 0;         // positional ones after the verb
    const OptionNode* open = nullptr;  // the last word is an option that waits for its value
};

Place find_place(const std::vector<CommandNode>& tree, const std::vector<std::string>& typed) {
    Place place;
    for (const auto& word : typed) {
        if (place.open != nullptr) {
            place.open = nullptr;
            continue;
        }
        if (word.starts_with('-')) {
            const auto* option = find_option(find_node(tree, place.verb), word);
            if (option == nullptr) option = find_option(&tree.front(), word);
            if (option != nullptr && !option->value.empty()) place.open = option;
            continue;
        }
        const auto longer = place.verb.empty() ? word : place.verb + " " + word;
        const bool leads_on = std::ranges::any_of(tree, [&](const CommandNode& node) {
            return node.name == longer || node.name.starts_with(longer + " ");
        });
        if (leads_on && place.arguments == 0) {
            place.verb = longer;
        } else {
            ++place.arguments;
        }
    }
    return place;
}

std::set<std::string> verb_words(const std::vector<CommandNode>& tree, const std::string& verb) {
    std::set<std::string> words;
    const auto prefix = verb.empty() ? "" : verb + " ";
    for (const auto& node : tree) {
        if (node.name.empty() || !node.name.starts_with(prefix)) continue;
        const auto rest = node.name.substr(prefix.size());
        words.insert(rest.substr(0, rest.find(' ')));
    }
    return words;
}

std::vector<std::string> values_of(const std::string& kind, const Names& names) {
    if (kind == "--app") return names(NameKind::apps);
    if (kind == "--instance" || kind == "INSTANCE") return names(NameKind::instances);
    if (kind == "--process") return names(NameKind::processes);
    if (kind == "CERTIFICATE") return names(NameKind::certificates);
    if (kind == "--directory") return {"letsencrypt", "letsencrypt-staging"};
    if (kind == "VOLUME") return names(NameKind::volumes);
    if (kind == "TRASH") return names(NameKind::trash);
    if (kind == "--send-proxy") return {"none", "v1", "v2"};
    if (kind == "--https") return {"automatic", "redirect", "both"};
    if (kind == "SHELL") return {"bash", "zsh", "fish"};
    if (kind == "PROCESS=N") {
        auto words = names(NameKind::processes);
        for (auto& word : words) word += "=";
        return words;
    }
    return {};
}

// Where the names of a kind are, and in which field.
std::pair<const char*, const char*> source_of(NameKind kind) {
    switch (kind) {
        case NameKind::apps: return {"/v1/apps", "name"};
        case NameKind::processes: return {"/v1/instances", "process"};
        case NameKind::certificates: return {"/v1/certificates", "id"};
        case NameKind::routes: return {"/v1/routes", "host"};
        case NameKind::volumes: return {"/v1/volumes", "id"};
        case NameKind::trash: return {"/v1/trash", "id"};
        case NameKind::instances: break;
    }
    return {"/v1/instances", "id"};
}

std::string text_in(const json::object& object, const char* field) {
    const auto* value = object.if_contains(field);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

// "" for one that `route rm` does not take by host and path.
std::string added_route(const json::object& route) {
    if (text_in(route, "origin") != "added" || !text_in(route, "listen").empty()) return "";
    const auto path = text_in(route, "path");
    return text_in(route, "host") + (path == "/" ? "" : path);
}

std::string bare(std::string argument) {
    std::erase_if(argument, [](char c) { return c == '[' || c == ']' || c == '.'; });
    return argument;
}

}  // namespace

std::string completion_script(std::string_view shell) {
    if (shell == "zsh") return std::string(k_zsh);
    return std::string(shell == "fish" ? k_fish : k_bash);
}

std::vector<std::string> complete(const std::vector<std::string>& words, const Names& names) {
    const auto tree = command_tree();
    const std::string current = words.empty() ? "" : words.back();
    const std::vector<std::string> typed(words.begin(),
                                         words.empty() ? words.end() : words.end() - 1);
    const auto place = find_place(tree, typed);
    std::vector<std::string> all;
    const auto* node = find_node(tree, place.verb);
    if (place.open != nullptr) {
        all = values_of(place.open->names.back(), names);
    } else if (current.starts_with('-')) {
        for (const auto* at : {node, &tree.front()}) {
            if (at == nullptr) continue;
            for (const auto& option : at->options) all.push_back(option.names.back());
        }
    } else if (const auto next = verb_words(tree, place.verb);
               place.arguments == 0 && !next.empty()) {
        all.assign(next.begin(), next.end());
    } else if (!node->arguments.empty()) {
        const auto index = std::min(place.arguments, node->arguments.size() - 1);
        // Of a route to be added the host is news.
        all = place.verb == "route rm" ? names(NameKind::routes)
                                       : values_of(bare(node->arguments[index]), names);
    }
    std::set<std::string> fitting;
    for (auto& word : all) {
        if (word.starts_with(current)) fitting.insert(std::move(word));
    }
    return {fitting.begin(), fitting.end()};
}

int print_completions(const std::vector<std::string>& words, const std::string& data_dir) {
    std::string data = data_dir.empty() ? Invocation().data_dir : data_dir;
    for (std::size_t i = 0; i + 2 < words.size(); ++i) {
        if (words[i] == "--data") data = words[i + 1];
    }
    const Client client(data + "/run/api.sock");
    const auto items = [&](const char* path) -> json::array {
        const auto body = client.call({.target = path});
        if (!body) return {};
        const auto value = parse_json(*body);
        const auto* object = value ? value->if_object() : nullptr;
        const auto* list = object == nullptr ? nullptr : object->if_contains("items");
        return list != nullptr && list->is_array() ? list->get_array() : json::array{};
    };
    const Names names = [&](NameKind kind) {
        const auto [path, field] = source_of(kind);
        std::vector<std::string> found;
        for (const auto& item : items(path)) {
            const auto* object = item.if_object();
            if (object == nullptr) continue;
            auto name = kind == NameKind::routes ? added_route(*object) : text_in(*object, field);
            if (!name.empty()) found.push_back(std::move(name));
        }
        return found;
    };
    for (const auto& word : complete(words, names)) put(word + "\n");
    return k_exit_ok;
}

}  // namespace moln::cli
