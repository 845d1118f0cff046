<?php
// A page of PHP: served by PHP's own server, on the port that Moln chose.
header('Content-Type: text/plain; charset=utf-8');
printf("Hello from %s, you asked for %s\n", gethostname(), $_SERVER['REQUEST_URI']);
