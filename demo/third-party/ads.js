document.documentElement.dataset.ads = "loaded";
