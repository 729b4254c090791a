def conv_backward(g, image, kernel):
    """The gradients with respect to the image and the kernel."""
    d_image = np.zeros(image.shape)
    d_kernel = np.zeros(kernel.shape)
    p, q = kernel.shape
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            d_image[i : i + p, j : j + q] += g[i, j] * kernel
            d_kernel += g[i, j] * image[i : i + p, j : j + q]
    return d_image, d_kernel
