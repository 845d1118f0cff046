#include "cli/verbs.h"

#include <algorithm>

namespace moln::cli {
namespace {

constexpr std::string_view k_node = "Node";
constexpr std::string_view k_deploy = "Deploy";
constexpr std::string_view k_look = "Look";
constexpr std::string_view k_change = "Change";
constexpr std::string_view k_delivery = "Content delivery";
constexpr std::string_view k_certificates = "Certificates";
constexpr std::string_view k_data = "Data";
constexpr std::string_view k_shell = "Shell";

}  // namespace

const std::vector<Verb>& verbs() {
    static const std::vector<Verb> table = {
        {"up", k_node, "Start this machine's cloud in the foreground",
         "Starts the daemon and the edge. `moln up --help` lists its options.",
         "moln up\nmoln up --data /srv/moln"},
        {"down", k_node, "Drain and stop everything, then the daemon",
         "Data stays; `moln up` starts everything again.", "moln down\nmoln down --now"},
        {"daemon", k_node, "The control plane alone, as `up` and systemd start it", "", ""},
        {"edge", k_node, "The processes of the edge: status, upgrade",
         "With --control it is the data plane itself, as the daemon starts it.", ""},
        {"edge status", k_node, "Which processes the edge has, and what they have open",
         "One serves; those that it has replaced finish what they have begun and end. VERSION is "
         "of routes and instances that all threads of a process work by, as \"7 of 8\" while it is "
         "behind. CONNECTIONS are of clients, also idle ones; OPEN is what waits for an instance "
         "or is being answered. Below stands where it listens, and why it could not.",
         "moln edge status\nmoln edge status --json"},
        {"edge upgrade", k_node, "Put a new process in the place of the one that serves",
         "For changed options of `moln up` that concern the edge; an update of Moln does it by "
         "itself. The new process takes the sockets of the old one, which finishes all that it has "
         "begun: nothing is refused, reset or lost. Waits until the new one serves; with --wait "
         "until the old one has ended, and tells meanwhile what it waits for. If the new one does "
         "not come up the old one serves on, and this fails with its last words. Ctrl-C stops only "
         "the waiting.",
         "moln edge upgrade\nmoln edge upgrade --wait"},
        {"status", k_node, "What runs here, in one screen", "", "moln status\nmoln status --json"},
        {"platform ls", k_node, "List platform images", "", "moln platform ls"},
        {"platform build", k_node, "Make a platform image from a recipe",
         "A platform image is the system below apps. `host` needs none: it uses this machine's "
         "own.",
         "moln platform build debian"},
        {"metrics", k_node, "Measurements in Prometheus' text format", "", "moln metrics"},

        {"deploy", k_deploy, "Build a folder, or take an image, and switch to it",
         "Sends the folder without what .gitignore and .molnignore name, builds it in a sandbox, "
         "makes a release, starts it beside the old one and switches once it is healthy. Without "
         "DIR, the folder it is called in. Ctrl-C before the release is made cancels the build; "
         "after that the switch goes on without you.",
         "moln deploy\nmoln deploy ./shop --app shop\nmoln deploy --dry-run\n"
         "moln deploy --canary 10% --canary-header X-Canary\n"
         "moln deploy --canary 0 --mirror 20%\n"
         "moln deploy --image docker://127.0.0.1:5000/shop:2 --app shop"},
        {"releases", k_deploy, "List the releases that are kept", "", "moln releases"},
        {"rollback", k_deploy, "Switch back to an earlier release",
         "Without a number, to the one that served before.",
         "moln rollback\nmoln rollback 3\nmoln rollback --dry-run"},

        {"canary", k_deploy, "Set which requests the canary gets",
         "A canary is what `moln deploy --canary` made: a release beside the one that serves. A "
         "client is in the share or not by its address, so that it sees one release; a larger "
         "share takes more clients in and none out. What is not said is none. With --mirror it "
         "gets copies of requests, marked with X-Moln-Mirror, whose answers are dropped.",
         "moln canary 25%\nmoln canary 0 --header \"X-Canary: yes\" --cookie canary=yes\n"
         "moln canary --mirror 20%"},
        {"promote", k_deploy, "Let the canary take the place of what serves",
         "From here on it is a switch like any other. `moln rollback` ends a canary instead.",
         "moln promote"},

        {"apps", k_look, "List apps", "", "moln apps\nmoln apps --app shop"},
        {"ps", k_look, "List instances: state, age, what still drains",
         "Of all apps of the project, or of one with --app.", "moln ps\nmoln ps --app shop --json"},
        {"logs", k_look, "Show what instances printed",
         "With --follow it goes on where it was when the daemon is restarted or upgraded, without "
         "a "
         "line lost or shown twice; standard error tells. Where a log was cut meanwhile a line "
         "says so.",
         "moln logs -f\nmoln logs --since 10m\nmoln logs --process worker -n 500\n"
         "moln logs --instance web-7f3k2m"},
        {"events", k_look, "Show what happened and why",
         "With --follow it goes on where it was when the daemon is restarted or upgraded.",
         "moln events\nmoln events -f --app shop"},
        {"top", k_look, "CPU, memory, requests and latency, live",
         "Rates are over the interval, percentiles upper bounds of their bucket. With --routes the "
         "busiest routes come first; CACHED is the share of hits of the requests that the cache "
         "could have answered, IN/S and OUT/S are bytes of bodies.",
         "moln top\nmoln top --once --json\nmoln top --routes\n"
         "moln top --routes --app shop --limit 5"},

        {"scale", k_change, "Set how many instances run", "",
         "moln scale web=3\nmoln scale web=2 worker=1 --app shop"},
        {"restart", k_change, "Replace all instances, new ones first", "", "moln restart"},
        {"stop", k_change, "Drain and stop an app, or one instance; data stays",
         "Waits until what was begun is finished and all has ended; Ctrl-C stops only the waiting.",
         "moln stop\nmoln stop --instance worker-7f3k2m"},
        {"start", k_change, "Start a stopped app", "", "moln start"},
        {"maintenance on", k_change, "Answer with a page instead of the app",
         "Requests get 503 with the page and Retry-After; instances run on, routes without HTTP "
         "too. Who comes from an allowed network, or has the cookie that --pass makes and prints "
         "once, still reaches the app.",
         "moln maintenance on\nmoln maintenance on --page soon.html --retry-after 10m\n"
         "moln maintenance on --allow 10.0.0.0/8 --allow 2001:db8::/32 --pass"},
        {"maintenance off", k_change, "Let the app answer again", "", "moln maintenance off"},
        {"env ls", k_change, "List environment variables", "", "moln env ls"},
        {"env set", k_change, "Set environment variables; makes a release", "",
         "moln env set COLOR=blue SIZE=3"},
        {"env unset", k_change, "Remove environment variables; makes a release", "",
         "moln env unset COLOR"},
        {"secret ls", k_change, "List the names of secrets", "", "moln secret ls"},
        {"secret set", k_change, "Set a secret, from standard input or a file",
         "The value is never an argument, where others could see it. On a terminal it is asked "
         "for without echo. A newline at the very end is not part of it.",
         "moln secret set API_KEY\nmoln secret set API_KEY < key.txt\n"
         "moln secret set TLS_KEY --file key.pem"},
        {"secret rm", k_change, "Remove a secret", "", "moln secret rm API_KEY"},
        {"route ls", k_change, "List routes with their URLs",
         "RULES is what was asked of a route beside leading there: https, cache, rates, who is let "
         "in. `--json` has all of it.",
         "moln route ls\nmoln route ls --app shop --json"},
        {"route add", k_change, "Lead a host and path, or a port, to an app",
         "A host such as shop.localhost gets a certificate by itself; one such as shop.example.org "
         "does, too, once `moln cert acme` was set up; for others see `moln cert add`. What comes "
         "without TLS is sent on to https once the host has a certificate that browsers trust, "
         "unless --https says otherwise. With --listen a port is passed on byte for byte, as "
         "a database wants it; with a HOST beside it, by the name that TLS clients ask for. With "
         "--cache the edge keeps answers and gives them again, as their Cache-Control says. With "
         "--client-ca clients show a certificate; the app learns of which in Client-Cert. A route "
         "that is there is not changed but with --replace, which sets all of it anew. Waits until "
         "every edge leads so.",
         "moln route add shop.localhost\nmoln route add shop.example.org/api --process api\n"
         "moln route add shop.example.org --https both --hsts 30d\n"
         "moln route add shop.example.org --cache --stale-if-error 1h\n"
         "moln route add admin.example.org --users users.txt --rate-limit 20/s\n"
         "moln route add app.example.org --forward-auth auth:/check --forward-auth-copy X-User\n"
         "moln route add api.example.org --client-ca partners.pem\n"
         "moln route add api.example.org --client-ca partners.pem --rate-limit 20/s --replace\n"
         "moln route add --listen tcp:5432 --app db --process postgres\n"
         "moln route add --listen tcp:8443 mail.example.org --send-proxy v2"},
        {"password", k_change, "Print a user's line for a route that asks for passwords",
         "The password is asked for without echo, or read from standard input, never an argument. "
         "The line has only its hash: it goes to `auth.users` of moln.toml, or to a file for "
         "`moln route add --users`. Lines of `htpasswd -B` do as well.",
         "moln password alice >> users.txt"},
        {"route rm", k_change, "Remove a route that was added", "",
         "moln route rm shop.localhost\nmoln route rm --listen tcp:5432 --app db"},
        {"rm", k_change, "Remove an app; its data goes to the trash",
         "Waits until its instances have drained and it is in the trash; Ctrl-C stops only the "
         "waiting.",
         "moln rm --app shop\nmoln rm --app shop --yes"},

        {"cache stats", k_delivery, "What the edge keeps of answers, and how often it gives them",
         "Of routes with a cache, in memory and on the disk, as each edge last reported: that is a "
         "second old at most. SHARE is of the requests that it could have answered; ERRORS of the "
         "disk are told in edge/edge.log of the data directory. SAVED is what clients did not have "
         "to be sent as they were given answers compressed.",
         "moln cache stats\nmoln cache stats --json"},
        {"cache purge", k_delivery, "Stop using what the edge keeps",
         "One URL, a host or path with all below it, a tag (of the project), or everything. It "
         "holds at once, also "
         "for what is being fetched at that moment.",
         "moln cache purge https://shop.example.org/news?page=2\n"
         "moln cache purge --prefix shop.example.org/news\nmoln cache purge --tag article-17\n"
         "moln cache purge --all --app shop"},

        {"cert ls", k_certificates,
         "List certificates: hosts, source, issuer, when they end, which routes use them", "",
         "moln cert ls\nmoln cert ls --json"},
        {"cert show", k_certificates, "Show one certificate and its chain, never its key",
         "By its id, or by a host: the one that the edge shows for that name. Of a host that has "
         "none yet: what hinders it, and when it is tried again.",
         "moln cert show cert-7f3k2m\nmoln cert show shop.example.org --json"},
        {"cert add", k_certificates, "Add a certificate by file, or renew the one of its hosts",
         "The chain has the leaf first, then its issuers, as PEM. Its hosts are the DNS names of "
         "the leaf. The key is EC P-256 or P-384, Ed25519, or RSA of 2048 bits and more, without a "
         "passphrase; it is encrypted before it is stored and never shown. One of the two files "
         "may be -, standard input. A certificate of the same hosts is replaced at once, without "
         "interrupting a connection.",
         "moln cert add --cert fullchain.pem --key privkey.pem\n"
         "moln cert add --cert fullchain.pem --key - < privkey.pem\n"
         "moln cert add --cert both.pem"},
        {"cert rm", k_certificates, "Remove a certificate and its key, for ever", "",
         "moln cert rm cert-7f3k2m\nmoln cert rm cert-7f3k2m --yes"},
        {"cert retry", k_certificates, "Try a host whose certificate failed again now",
         "What hindered it was mended, and its pause is long: the public authority is asked now. "
         "It takes only a few attempts in an hour, which this does not get around. `moln cert ls` "
         "shows what failed and why.",
         "moln cert retry shop.example.org"},
        {"cert acme", k_certificates,
         "Let public hosts get their certificates by themselves (ACME)",
         "Once, with --agree-tos: from then on every public host of a route gets a certificate "
         "from the authority, Let's Encrypt unless --directory says otherwise, and it is renewed "
         "in time. The authority looks at the host on port 80 or 443: its name must lead to this "
         "edge. Wildcards cannot be proved so; bring theirs by `moln cert add`. --ca-file is for "
         "an authority of your own whose server's certificate is not a public one's. Without "
         "options, shows how it is set.",
         "moln cert acme --agree-tos --email ops@example.org\n"
         "moln cert acme --agree-tos --directory letsencrypt-staging\n"
         "moln cert acme --agree-tos --directory https://ca.example.org/acme/directory --ca-file "
         "root.pem\n"
         "moln cert acme\nmoln cert acme --off"},
        {"trust", k_certificates, "Make this machine trust the local certificates",
         "Installs the certificate of the cloud's own authority into the system's store, with "
         "update-ca-certificates; needs root. It can speak for *.localhost, *.local, *.test, "
         "*.internal and *.home.arpa only. Firefox, and Chromium on Linux, have stores of their "
         "own: import there what --print writes, and on other machines too.",
         "moln trust\nmoln trust --print > moln-ca.pem\nmoln trust --remove"},

        {"volume ls", k_data, "List volumes: lifetime, place, size, what resets them", "",
         "moln volume ls"},
        {"volume rm", k_data, "Remove a volume that nothing holds; it goes to the trash", "",
         "moln volume rm vol-7f3k2m"},
        {"trash ls", k_data, "List what was dropped and can come back", "", "moln trash ls"},
        {"trash purge", k_data, "Destroy something in the trash, for ever", "",
         "moln trash purge tr-7f3k2m"},
        {"recover", k_data, "Bring back what was dropped",
         "With --to, copies the files of a writable layer to a new folder on the node instead.",
         "moln recover tr-7f3k2m\nmoln recover tr-7f3k2m --to /root/rescued"},

        {"run", k_shell, "Run a command in a fresh instance of the app",
         "With a terminal if standard input and output are one. Without one, its input, output and "
         "errors are those of this command, byte for byte. Everything after the options is the "
         "command.",
         "moln run -- python manage.py migrate\nmoln run --app shop bash"},
        {"shell", k_shell, "Open a shell in a running instance",
         "Without INSTANCE, in the first running one of the app.",
         "moln shell\nmoln shell web-7f3k2m"},
        {"completion", k_shell, "Print a completion script for bash, zsh or fish", "",
         "moln completion bash > /etc/bash_completion.d/moln\n"
         "moln completion zsh > ~/.zfunc/_moln\n"
         "moln completion fish > ~/.config/fish/completions/moln.fish"},
    };
    return table;
}

const Verb* find_verb(std::string_view name) {
    const auto found = std::ranges::find(verbs(), name, &Verb::name);
    return found == verbs().end() ? nullptr : &*found;
}

}  // namespace moln::cli
